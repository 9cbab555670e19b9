"""How a process starts, bears load and ends."""
