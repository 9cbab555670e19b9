"""Files and folders on disk: text in any encoding, atomic writes, and readable system errors."""
