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

variable "alert_email" {
  description = "Address that is told when the service fails; empty: there are no alerts."
  type        = string
  default     = ""
}

variable "critical_channels" {
  description = "Notification channels, as projects/…/notificationChannels/…, that are told of critical alerts, too."
  type        = list(string)
  default     = []
}

variable "released" {
  description = "Whether production is deployed: enables the alerts that would fire before that."
  type        = bool
  default     = false
}

variable "budget" {
  description = "Costs of a month at which that address is warned, in the billing account's currency; 0: no budget."
  type        = number
  default     = 0
}

variable "deletion_protection" {
  description = "Whether the cluster, and buckets that are not empty, are kept when they are destroyed."
  type        = bool
  default     = true
}
