"""Detection: from images to the objects in them."""
