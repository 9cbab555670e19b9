"""Classifiers made by other tools, which are run as the graphs that they are."""
