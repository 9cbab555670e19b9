# The network and the cluster: nodes and control plane have no public address.

resource "google_compute_network" "this" {
  project                 = var.project
  name                    = "maskserve"
  auto_create_subnetworks = false
  depends_on              = [google_project_service.this]
}

resource "google_compute_subnetwork" "this" {
  project                  = var.project
  region                   = var.region
  name                     = "maskserve"
  network                  = google_compute_network.this.id
  ip_cidr_range            = "10.64.0.0/20"
  private_ip_google_access = true # image streaming among others
}

# The internal gateway, by which the function reaches the service: a subnet for its proxies, their way to the pods, and
# its address. k8s/components/internal admits the range and names the address.
locals {
  proxies = "192.168.64.0/23"
}

resource "google_compute_subnetwork" "proxies" {
  project       = var.project
  region        = var.region
  name          = "maskserve-proxies"
  network       = google_compute_network.this.id
  ip_cidr_range = local.proxies
  purpose       = "REGIONAL_MANAGED_PROXY"
  role          = "ACTIVE"
}

resource "google_compute_firewall" "proxies" {
  project       = var.project
  name          = "maskserve-from-proxies"
  network       = google_compute_network.this.id
  source_ranges = [local.proxies]
  # Only the cluster's nodes.
  target_service_accounts = [google_service_account.this["nodes"].email]
  allow {
    protocol = "tcp"
    ports    = ["8080"]
  }
}

resource "google_compute_address" "internal" {
  project      = var.project
  region       = var.region
  name         = "maskserve-internal"
  subnetwork   = google_compute_subnetwork.this.id
  address_type = "INTERNAL"
  purpose      = "SHARED_LOADBALANCER_VIP"
}

resource "google_compute_router" "this" {
  project = var.project
  region  = var.region
  name    = "maskserve"
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "this" {
  project                            = var.project
  region                             = var.region
  name                               = "maskserve"
  router                             = google_compute_router.this.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"
}

resource "google_container_cluster" "this" {
  project             = var.project
  location            = var.region
  name                = "maskserve"
  network             = google_compute_network.this.id
  subnetwork          = google_compute_subnetwork.this.id
  enable_autopilot    = true
  deletion_protection = var.deletion_protection

  release_channel {
    channel = "REGULAR"
  }
  private_cluster_config {
    enable_private_nodes = true
  }
  # Its only address is a DNS name, at which Google checks IAM before anything reaches the cluster.
  control_plane_endpoints_config {
    dns_endpoint_config {
      allow_external_traffic = true
    }
    ip_endpoints_config {
      enabled = false
    }
  }
  cluster_autoscaling {
    auto_provisioning_defaults {
      service_account = google_service_account.this["nodes"].email
    }
  }
  depends_on = [google_project_iam_member.this]
}

# --- Entrances: an address and a certificate for each overlay's Gateway

locals {
  entrances = { maskserve = var.domain, maskserve-staging = "staging.${var.domain}" }
}

resource "google_compute_global_address" "this" {
  for_each   = local.entrances
  project    = var.project
  name       = each.key
  depends_on = [google_project_service.this]
}

# k8s/components/gateway names it. Without one, load balancers take TLS 1.0.
resource "google_compute_ssl_policy" "this" {
  project         = var.project
  name            = "maskserve"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
  depends_on      = [google_project_service.this]
}

resource "google_certificate_manager_dns_authorization" "this" {
  for_each   = local.entrances
  project    = var.project
  name       = each.key
  domain     = each.value
  depends_on = [google_project_service.this]
}

resource "google_certificate_manager_certificate" "this" {
  for_each = local.entrances
  project  = var.project
  name     = each.key
  managed {
    domains            = [each.value]
    dns_authorizations = [google_certificate_manager_dns_authorization.this[each.key].id]
  }
}

resource "google_certificate_manager_certificate_map" "this" {
  for_each   = local.entrances
  project    = var.project
  name       = each.key
  depends_on = [google_project_service.this]
}

resource "google_certificate_manager_certificate_map_entry" "this" {
  for_each     = local.entrances
  project      = var.project
  name         = each.key
  map          = google_certificate_manager_certificate_map.this[each.key].name
  hostname     = each.value
  certificates = [google_certificate_manager_certificate.this[each.key].id]
}
