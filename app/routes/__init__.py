"""The routes: one blueprint per topic."""
