"""Shadow: lets another version process pictures that have been answered, and reports how far it agrees."""
