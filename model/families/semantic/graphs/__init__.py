"""Foreign models that answer for each pixel: what is special about their outputs and descriptions."""
