"""Classifiers: small networks that tell which of several classes a whole picture belongs to."""
