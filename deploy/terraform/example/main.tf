# terraform init -backend-config=bucket=my-terraform-state && terraform apply
terraform {
  backend "gcs" { # its state contains the API keys: a bucket that few may read
    prefix = "maskserve"
  }
}

provider "google" {
  project = "my-project"
  region  = "europe-west1"
  # For the budget, whose API asks which project calls it.
  billing_project       = "my-project"
  user_project_override = true
}

module "maskserve" {
  source      = "git::https://github.com/OWNER/NAME.git//deploy/terraform?ref=TAG" # your copy of this repository
  project     = "my-project"
  domain      = "segment.example.org"
  alert_email = "me@example.org"
  budget      = 500
  # released  = true # once production is deployed: enables the alerts that tell of its absence
}

output "dns_records" {
  value = module.maskserve.dns_records
}

output "image" {
  value = module.maskserve.image
}

output "internal_address" {
  value = module.maskserve.internal_address
}
