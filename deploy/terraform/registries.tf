# Where images are: the service's, those in which builds run, and a cache of Docker Hub.

resource "google_artifact_registry_repository" "maskserve" {
  project       = var.project
  location      = var.region
  repository_id = "maskserve"
  format        = "DOCKER"
  description   = "Images of MaskServe"

  # What a deployment has tagged is kept for ever.
  cleanup_policies {
    id     = "delete-old"
    action = "DELETE"
    condition {
      tag_state  = "ANY"
      older_than = "2592000s"
    }
  }
  cleanup_policies {
    id     = "keep-recent"
    action = "KEEP"
    most_recent_versions {
      keep_count = 20
    }
  }
  cleanup_policies {
    id     = "keep-deployed"
    action = "KEEP"
    condition {
      tag_state    = "TAGGED"
      tag_prefixes = ["staging", "production", "v"]
    }
  }
  depends_on = [google_project_service.this]
}

resource "google_artifact_registry_repository" "tools" {
  project       = var.project
  location      = var.region
  repository_id = "maskserve-tools"
  format        = "DOCKER"
  description   = "Images in which builds run"
  docker_config {
    immutable_tags = true
  }
  depends_on = [google_project_service.this]
}

resource "google_artifact_registry_repository" "docker_hub" {
  project       = var.project
  location      = var.region
  repository_id = "docker-hub"
  format        = "DOCKER"
  mode          = "REMOTE_REPOSITORY"
  remote_repository_config {
    docker_repository {
      public_repository = "DOCKER_HUB"
    }
  }
  depends_on = [google_project_service.this]
}

# Where `gcloud run deploy --source` puts the function's image, by this name. Made here, so that the account that builds
# it can be given the role on this repository alone: roles/run.builder would let it change every image of the project,
# the one in which deployments run included, and read every bucket.
resource "google_artifact_registry_repository" "function" {
  project       = var.project
  location      = var.region
  repository_id = "cloud-run-source-deploy"
  format        = "DOCKER"
  description   = "Image of the function"
  depends_on    = [google_project_service.this]
}

locals {
  # Who reads and who writes which repository.
  registry_access = {
    reader = {
      maskserve       = ["nodes", "deploy"]
      maskserve-tools = ["build", "deploy"]
      docker-hub      = ["nodes", "build", "tools"]
    }
    writer = {
      maskserve               = ["build"]
      maskserve-tools         = ["tools"]
      cloud-run-source-deploy = ["function-build"]
    }
  }
}

resource "google_artifact_registry_repository_iam_member" "this" {
  for_each = merge(flatten([
    for role, repositories in local.registry_access : [
      for repository, accounts in repositories : {
        for account in accounts : "${role} ${repository} ${account}" => { role = role, repository = repository, account = account }
      }
    ]
  ])...)
  project    = var.project
  location   = var.region
  repository = each.value.repository
  role       = "roles/artifactregistry.${each.value.role}"
  member     = local.member[each.value.account]
  depends_on = [
    google_artifact_registry_repository.maskserve,
    google_artifact_registry_repository.tools,
    google_artifact_registry_repository.docker_hub,
    google_artifact_registry_repository.function,
  ]
}

# scripts/record-release.sh sets the tags that keep an image. The predefined roles that may tag may also push.
resource "google_project_iam_custom_role" "tagger" {
  project     = var.project
  role_id     = "maskserveTagger"
  title       = "MaskServe: tags images"
  permissions = ["artifactregistry.tags.create", "artifactregistry.tags.delete", "artifactregistry.tags.get"]
}

resource "google_artifact_registry_repository_iam_member" "tagger" {
  project    = var.project
  location   = var.region
  repository = google_artifact_registry_repository.maskserve.name
  role       = google_project_iam_custom_role.tagger.id
  member     = local.member["deploy"]
}
