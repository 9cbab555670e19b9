"""How the service is set up: every environment variable that it reads, its kind, its default and its help."""
