"""Formats of data sets: one module per format, and the registry that `open_data` uses."""
