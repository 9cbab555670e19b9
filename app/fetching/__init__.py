"""Fetches images and bundles from elsewhere: URLs, Cloud Storage, a folder on the server."""
