"""Who may ask, how often, from which pages, and what browsers may do with the answers."""
