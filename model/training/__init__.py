"""Training: the loop, its run folder and its options, the same for every family."""
