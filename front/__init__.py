"""The front: the process that clients connect to. It parses heads strictly, and keeps slow clients away.

It handles the hop-by-hop part of HTTP, forwards requests by the uwsgi protocol, and imports nothing from the
service.
"""
