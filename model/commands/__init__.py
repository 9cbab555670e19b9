"""What `python -m model` can do, a file a command."""
