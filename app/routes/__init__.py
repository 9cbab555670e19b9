"""The routes: a blueprint a topic."""
