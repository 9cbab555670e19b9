"""Checks whether a model works: its self-test, and outputs that are not finite."""
