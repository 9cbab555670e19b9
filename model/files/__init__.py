"""Files and folders on disk: read in any encoding, written whole or not at all, errors in words."""
