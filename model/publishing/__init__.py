"""Making, compiling, measuring and publishing models."""
