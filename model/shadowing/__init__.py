"""Shadowing: runs another version of a model on pictures that have been answered, in a process of its own."""
