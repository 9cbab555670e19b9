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
  source  = "../"
  project = "my-project"
  domain  = "segment.example.org"
}

output "dns_records" {
  value = module.maskserve.dns_records
}
