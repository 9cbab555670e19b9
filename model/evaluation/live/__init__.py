"""Versions compared on live traffic: from the log of a service, by caller or picture by picture."""
