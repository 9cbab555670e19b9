"""Reads requests: turns their bytes, within limits of size and time, into images and parameters."""
