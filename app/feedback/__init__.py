"""Feedback: what callers say of answers, right or wrong, and where it is recorded."""
