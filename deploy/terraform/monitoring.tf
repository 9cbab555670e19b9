# Who is told when something is wrong, and of what: from the same files as scripts/gcp/monitoring.sh. docs/alerts.md says
# what each alert means.

locals {
  monitoring = "${path.module}/../../scripts/gcp/monitoring"
  alerts = {
    for file in fileset("${local.monitoring}/policies", "*.json") :
    trimsuffix(file, ".json") => jsondecode(file("${local.monitoring}/policies/${file}"))
    if var.alert_email != ""
  }
  # These two watch an uptime check and a log, all others ask Prometheus.
  of_prometheus = { for name, alert in local.alerts : name => alert if !contains(["MaskServeUnreachable", "MaskServeBuildFailed"], name) }
  unreachable   = { for name, alert in local.alerts : name => alert if name == "MaskServeUnreachable" }
  build_failed  = { for name, alert in local.alerts : name => alert if name == "MaskServeBuildFailed" }
  # Of absence: they would fire from the first apply to the first release. Of silence: normal at night for most services.
  of_absence = ["MaskServeAbsent", "MaskServeUnreachable"]
  disabled   = concat(["MaskServeNoTraffic"], var.released ? [] : local.of_absence)
  # Who is told, by severity.
  channels = {
    WARNING  = google_monitoring_notification_channel.email[*].name
    CRITICAL = concat(google_monitoring_notification_channel.email[*].name, var.critical_channels)
  }
}

resource "google_monitoring_notification_channel" "email" {
  count        = var.alert_email == "" ? 0 : 1
  project      = var.project
  display_name = "MaskServe"
  type         = "email"
  labels       = { email_address = var.alert_email }
  depends_on   = [google_project_service.this]
}

resource "google_monitoring_alert_policy" "of_prometheus" {
  for_each              = local.of_prometheus
  project               = var.project
  display_name          = each.key
  severity              = each.value.severity
  combiner              = each.value.combiner
  enabled               = !contains(local.disabled, each.key)
  notification_channels = local.channels[each.value.severity]
  documentation {
    mime_type = each.value.documentation.mimeType
    content   = each.value.documentation.content
  }
  conditions {
    display_name = each.key
    condition_prometheus_query_language {
      query                     = each.value.conditions[0].conditionPrometheusQueryLanguage.query
      duration                  = each.value.conditions[0].conditionPrometheusQueryLanguage.duration
      evaluation_interval       = each.value.conditions[0].conditionPrometheusQueryLanguage.evaluationInterval
      disable_metric_validation = each.value.conditions[0].conditionPrometheusQueryLanguage.disableMetricValidation
    }
  }
}

resource "google_monitoring_alert_policy" "unreachable" {
  for_each              = local.unreachable
  project               = var.project
  display_name          = each.key
  severity              = each.value.severity
  combiner              = each.value.combiner
  enabled               = !contains(local.disabled, each.key)
  notification_channels = local.channels[each.value.severity]
  documentation {
    mime_type = each.value.documentation.mimeType
    content   = each.value.documentation.content
  }
  conditions {
    display_name = each.key
    condition_threshold {
      filter          = replace(each.value.conditions[0].conditionThreshold.filter, "CHECK_ID", google_monitoring_uptime_check_config.this.uptime_check_id)
      comparison      = each.value.conditions[0].conditionThreshold.comparison
      threshold_value = each.value.conditions[0].conditionThreshold.thresholdValue
      duration        = each.value.conditions[0].conditionThreshold.duration
      aggregations {
        alignment_period     = each.value.conditions[0].conditionThreshold.aggregations[0].alignmentPeriod
        per_series_aligner   = each.value.conditions[0].conditionThreshold.aggregations[0].perSeriesAligner
        cross_series_reducer = each.value.conditions[0].conditionThreshold.aggregations[0].crossSeriesReducer
        group_by_fields      = each.value.conditions[0].conditionThreshold.aggregations[0].groupByFields
      }
      trigger {
        count = each.value.conditions[0].conditionThreshold.trigger.count
      }
    }
  }
}

resource "google_monitoring_alert_policy" "build_failed" {
  for_each              = local.build_failed
  project               = var.project
  display_name          = each.key
  severity              = each.value.severity
  combiner              = each.value.combiner
  notification_channels = local.channels[each.value.severity]
  documentation {
    mime_type = each.value.documentation.mimeType
    content   = replace(each.value.documentation.content, "REGION", var.region)
  }
  conditions {
    display_name = each.key
    condition_matched_log {
      filter = each.value.conditions[0].conditionMatchedLog.filter
    }
  }
  alert_strategy {
    auto_close = each.value.alertStrategy.autoClose
    notification_rate_limit {
      period = each.value.alertStrategy.notificationRateLimit.period
    }
  }
}

# Only of production, and of the way through address, certificate and load balancer, which the pods' probes do not take.
resource "google_monitoring_uptime_check_config" "this" {
  project      = var.project
  display_name = "MaskServe"
  period       = "60s"
  timeout      = "10s"
  http_check {
    path         = "/readyz"
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }
  monitored_resource {
    type = "uptime_url"
    labels = {
      project_id = var.project
      host       = var.domain
    }
  }
  depends_on = [google_project_service.this]
}

locals {
  objective = jsondecode(file("${local.monitoring}/objective.json"))
}

resource "google_monitoring_custom_service" "this" {
  project      = var.project
  service_id   = "maskserve"
  display_name = "MaskServe"
  depends_on   = [google_project_service.this]
}

resource "google_monitoring_slo" "answered" {
  project             = var.project
  service             = google_monitoring_custom_service.this.service_id
  slo_id              = "answered"
  display_name        = local.objective.displayName
  goal                = local.objective.goal
  rolling_period_days = tonumber(trimsuffix(local.objective.rollingPeriod, "s")) / 86400
  request_based_sli {
    good_total_ratio {
      total_service_filter = local.objective.serviceLevelIndicator.requestBased.goodTotalRatio.totalServiceFilter
      bad_service_filter   = local.objective.serviceLevelIndicator.requestBased.goodTotalRatio.badServiceFilter
    }
  }
}

resource "google_monitoring_dashboard" "this" {
  project        = var.project
  dashboard_json = file("${local.monitoring}/dashboard.json")
  depends_on     = [google_project_service.this]
}

# Of the project alone, although it belongs to the billing account.
resource "google_billing_budget" "this" {
  count           = var.budget == 0 ? 0 : 1
  billing_account = data.google_project.this.billing_account
  display_name    = "MaskServe in ${var.project}"
  budget_filter {
    projects = ["projects/${data.google_project.this.number}"]
  }
  amount {
    specified_amount {
      units = tostring(var.budget) # in the currency of the billing account
    }
  }
  threshold_rules {
    threshold_percent = 0.5
  }
  threshold_rules {
    threshold_percent = 0.9
  }
  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }
  all_updates_rule {
    monitoring_notification_channels = google_monitoring_notification_channel.email[*].name
  }
  depends_on = [google_project_service.this]
}
