"""Whether a model can be right: its self-test, and values that are no numbers."""
