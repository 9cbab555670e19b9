# terraform init -backend-config=bucket=my-terraform-state && terraform apply
terraform {
  backend "gcs" { # its state contains the API keys: a bucket that few may read
    prefix = "maskserve"
  }
}

provider "google" {
  project = "my-project"
  region  = "europe-west1"
}

module "maskserve" {
  source  = "git::https://github.com/OWNER/NAME.git//deploy/terraform?ref=TAG" # your copy of this repository
  project = "my-project"
  domain  = "segment.example.org"
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
