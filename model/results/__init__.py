"""What a model finds in a picture: segments, masks, polygons."""
