"""What operators see of the service: a log line per request, metrics, traces."""
