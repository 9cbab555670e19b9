"""Stands for the project's package `model` in a job that a test starts."""
