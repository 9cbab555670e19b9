"""The network: built from a Config, with its layers and values under the library's names."""
