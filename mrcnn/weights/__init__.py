"""Weight files: read from any layout, written in the library's own."""
