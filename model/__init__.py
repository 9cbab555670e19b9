"""Segmentation networks and the pictures they see; knows nothing of HTTP."""
