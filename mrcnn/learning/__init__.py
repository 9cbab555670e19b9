"""Training: from a data set to batches, epochs and weight files."""
