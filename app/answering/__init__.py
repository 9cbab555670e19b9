"""What makes the reply: what was found in a picture, warnings about it, or the problem there was."""
