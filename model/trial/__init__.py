"""Trial: loads and tests a version in a process of its own, before the service does."""
