# Buckets, and how the images in one of them reach the function.

resource "google_storage_bucket" "this" {
  for_each                    = toset(["images", "results", "models", "source", "sboms", "releases"])
  project                     = var.project
  name                        = "${var.project}-maskserve-${each.value}"
  location                    = upper(var.region)
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection
  depends_on                  = [google_project_service.this]
}

locals {
  bucket_access = {
    images   = { events = "objectViewer" }
    results  = { events = "objectUser" } # objectCreator is not enough: a retry overwrites the record of a failure
    source   = { build = "objectViewer", deploy = "objectViewer", tools = "objectViewer" }
    sboms    = { build = "objectCreator" }
    releases = { deploy = "objectUser" }
  }
}

resource "google_storage_bucket_iam_member" "this" {
  for_each = merge([
    for bucket, accounts in local.bucket_access : {
      for account, role in accounts : "${bucket} ${account}" => { bucket = bucket, account = account, role = role }
    }
  ]...)
  bucket = google_storage_bucket.this[each.value.bucket].name
  role   = "roles/storage.${each.value.role}"
  member = local.member[each.value.account]
}

# Where `gcloud run deploy --source` puts the function's sources, by this name.
resource "google_storage_bucket" "function" {
  project                     = var.project
  name                        = "run-sources-${var.project}-${var.region}"
  location                    = upper(var.region)
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.deletion_protection
  depends_on                  = [google_project_service.this]
}

resource "google_storage_bucket_iam_member" "function" {
  bucket = google_storage_bucket.function.name
  role   = "roles/storage.objectViewer"
  member = local.member["function-build"]
}

resource "google_storage_bucket_iam_member" "pods" {
  for_each   = local.pods
  bucket     = google_storage_bucket.this["models"].name
  role       = "roles/storage.objectViewer"
  member     = each.value
  depends_on = [google_container_cluster.this] # the pool of workload identities comes with the first cluster
}

resource "google_pubsub_topic" "this" {
  for_each   = toset(["images", "results", "dead-letters"])
  project    = var.project
  name       = "maskserve-${each.value}"
  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic_iam_member" "results" {
  project = var.project
  topic   = google_pubsub_topic.this["results"].name
  role    = "roles/pubsub.publisher"
  member  = local.member["events"]
}

data "google_storage_project_service_account" "this" {
  project    = var.project
  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic_iam_member" "images" {
  project = var.project
  topic   = google_pubsub_topic.this["images"].name
  role    = "roles/pubsub.publisher"
  member  = "serviceAccount:${data.google_storage_project_service_account.this.email_address}"
}

resource "google_storage_notification" "images" {
  bucket         = google_storage_bucket.this["images"].name
  topic          = google_pubsub_topic.this["images"].id
  payload_format = "JSON_API_V1"
  event_types    = ["OBJECT_FINALIZE"]
  depends_on     = [google_pubsub_topic_iam_member.images]
}

# Messages of a topic without a subscription are lost.
resource "google_pubsub_subscription" "dead_letters" {
  project                    = var.project
  name                       = "maskserve-dead-letters"
  topic                      = google_pubsub_topic.this["dead-letters"].id
  message_retention_duration = "2678400s"
  expiration_policy {
    ttl = ""
  }
}

resource "google_cloud_run_v2_service_iam_member" "push" {
  count    = var.function_url == "" ? 0 : 1
  project  = var.project
  location = var.region
  name     = "maskserve-events"
  role     = "roles/run.invoker"
  member   = local.member["push"]
}

# docs/events.md explains the figures.
resource "google_pubsub_subscription" "images" {
  count                = var.function_url == "" ? 0 : 1
  project              = var.project
  name                 = "maskserve-images"
  topic                = google_pubsub_topic.this["images"].id
  ack_deadline_seconds = 300
  expiration_policy {
    ttl = ""
  }
  retry_policy {
    minimum_backoff = "60s"
    maximum_backoff = "600s"
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.this["dead-letters"].id
    max_delivery_attempts = 100
  }
  push_config {
    push_endpoint = "${var.function_url}/${google_pubsub_topic.this["images"].id}"
    oidc_token {
      service_account_email = google_service_account.this["push"].email
      audience              = var.function_url
    }
  }
}

locals {
  pubsub_agent = "serviceAccount:service-${data.google_project.this.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic_iam_member" "dead_letters" {
  project    = var.project
  topic      = google_pubsub_topic.this["dead-letters"].name
  role       = "roles/pubsub.publisher"
  member     = local.pubsub_agent
  depends_on = [google_pubsub_topic.this] # the agent exists once Pub/Sub is in use
}

resource "google_pubsub_subscription_iam_member" "dead_letters" {
  count        = length(google_pubsub_subscription.images)
  project      = var.project
  subscription = google_pubsub_subscription.images[0].name
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
