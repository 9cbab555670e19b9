"""The results of a model: segments, masks and polygons."""
