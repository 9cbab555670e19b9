"""Training of semantic models: U-Nets on pictures whose pixels have classes."""
