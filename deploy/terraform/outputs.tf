output "dns_records" {
  description = "Set the CNAME records now, for the certificates, and the A records when these are active."
  value = concat(
    [for entry in google_certificate_manager_dns_authorization.this : one([
      for record in entry.dns_resource_record : "${record.name} ${record.type} ${record.data}"
    ])],
    [for name, domain in local.entrances : "${domain}. A ${google_compute_global_address.this[name].address}"],
  )
}

output "image" {
  description = "Name of the service's image, without tag and digest."
  value       = "${var.region}-docker.pkg.dev/${var.project}/maskserve/maskserve"
}

output "accounts" {
  description = "The accounts by purpose."
  value       = { for name, account in google_service_account.this : name => account.email }
}

output "internal_address" {
  description = "Address at which the function reaches the service."
  value       = google_compute_address.internal.address
}
