variable "project" {
  description = "The Google Cloud project, with a billing account."
  type        = string
}

variable "domain" {
  description = "Domain name of the service, such as segment.example.org; staging uses staging.DOMAIN."
  type        = string
}

variable "region" {
  description = "Region of all resources."
  type        = string
  default     = "europe-west1"
}

variable "function_url" {
  description = "Address of the function maskserve-events, once it has been deployed; empty before."
  type        = string
  default     = ""
}

variable "deletion_protection" {
  description = "Whether the cluster, and buckets that are not empty, are kept when they are destroyed."
  type        = bool
  default     = true
}
