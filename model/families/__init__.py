"""Families: the kinds of model that there are, a folder each."""
