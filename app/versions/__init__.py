"""Versions: which versions of the models are loaded, and which of them a request uses."""
