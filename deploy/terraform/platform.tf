# APIs, accounts and what they may do.

data "google_project" "this" {
  project_id = var.project
}

locals {
  apis = [
    "artifactregistry", "certificatemanager", "cloudbuild", "compute", "container", "containeranalysis",
    "containerfilesystem", "iam", "iamcredentials", "logging", "monitoring", "ondemandscanning", "pubsub", "run",
    "secretmanager", "storage",
  ]
  accounts = {
    nodes          = "runs the cluster's nodes"
    build          = "tests and builds"
    deploy         = "deploys"
    tools          = "builds the image of the build steps"
    events         = "runs the function"
    function-build = "builds the function"
    push           = "pushes events to the function"
  }
  # Roles in the whole project, as few as there are.
  roles = {
    nodes          = ["container.defaultNodeServiceAccount", "serviceusage.serviceUsageConsumer"]
    build          = ["logging.logWriter", "ondemandscanning.admin"]
    deploy         = ["logging.logWriter", "container.developer", "cloudbuild.builds.viewer", "containeranalysis.occurrences.viewer", "serviceusage.serviceUsageViewer"]
    tools          = ["logging.logWriter"]
    function-build = ["logging.logWriter"]
  }
  member = { for name, account in google_service_account.this : name => "serviceAccount:${account.email}" }
  # The pods of an overlay, by workload identity.
  pods = {
    for overlay in ["staging", "production"] : overlay =>
    "principal://iam.googleapis.com/projects/${data.google_project.this.number}/locations/global/workloadIdentityPools/${var.project}.svc.id.goog/subject/ns/maskserve-${overlay}/sa/maskserve"
  }
}

resource "google_project_service" "this" {
  for_each           = toset(concat(local.apis, var.budget == 0 ? [] : ["cloudbilling", "billingbudgets"]))
  project            = var.project
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false
}

resource "google_service_account" "this" {
  for_each     = local.accounts
  project      = var.project
  account_id   = "maskserve-${each.key}"
  display_name = "MaskServe: ${each.value}"
  depends_on   = [google_project_service.this]
}

resource "google_project_iam_member" "this" {
  for_each = merge([
    for account, roles in local.roles : { for role in roles : "${account} ${role}" => { account = account, role = role } }
  ]...)
  project = var.project
  role    = "roles/${each.value.role}"
  member  = local.member[each.value.account]
}

# --- Keys: each enabled version of a secret is a key. Terraform's state contains them: keep it in a private bucket.

resource "google_secret_manager_secret" "key" {
  for_each  = toset(["maskserve-api-key", "maskserve-events-key"])
  project   = var.project
  secret_id = each.value
  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
  depends_on = [google_project_service.this]
}

resource "random_id" "key" {
  for_each    = google_secret_manager_secret.key
  byte_length = 24
}

resource "google_secret_manager_secret_version" "key" {
  for_each    = google_secret_manager_secret.key
  secret      = each.value.id
  secret_data = random_id.key[each.key].hex
}

resource "google_secret_manager_secret_iam_member" "deploy" {
  for_each = {
    for pair in setproduct(keys(google_secret_manager_secret.key), ["secretAccessor", "viewer"]) : join(" ", pair) => pair
  }
  project   = var.project
  secret_id = google_secret_manager_secret.key[each.value[0]].secret_id
  role      = "roles/secretmanager.${each.value[1]}"
  member    = local.member["deploy"]
}

resource "google_secret_manager_secret_iam_member" "events" {
  project   = var.project
  secret_id = google_secret_manager_secret.key["maskserve-events-key"].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = local.member["events"]
}
