"""Semantic segmentation: any graph that gives a score, or a class, for each pixel."""
