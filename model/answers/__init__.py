"""What goes with a result: the model that was chosen, its gate's verdict, notes on the file."""
