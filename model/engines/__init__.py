"""Engines: how a network's stages are executed."""
