"""Makes the answers: what was found in a picture, warnings about it, or what went wrong."""
