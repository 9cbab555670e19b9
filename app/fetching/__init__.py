"""Images and bundles from elsewhere: URLs, Cloud Storage, a folder of the operator's."""
