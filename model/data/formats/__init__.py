"""Formats of data sets: a file each, and one registry that `open_data` asks."""
