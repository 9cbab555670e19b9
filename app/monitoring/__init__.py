"""What the service tells of itself: a line a request, metrics, traces."""
