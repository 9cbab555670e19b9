"""Answers: a result with the model that was chosen, the verdict of its gate, and notes on the file."""
