"""What segments are turned into for whoever asked: a file each."""
