"""The settings, by topic."""
