"""The commands of `python -m model`: one module per command."""
