"""Families: the kinds of model that this project can run, one folder each."""
