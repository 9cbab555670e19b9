"""A model on disk: its manifest, and folders that appear whole."""
