"""Given objects: reads what a caller already has, in the JSON of an answer, to write it anew."""
