"""How a model is made, compiled, measured and put in its place."""
