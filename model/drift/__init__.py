"""Drift: whether pictures and answers are still like those on which a model was validated."""
