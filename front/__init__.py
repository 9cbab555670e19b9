"""The front: what clients connect to. It reads heads by the book, and keeps slow clients from the workers.

Of HTTP it knows what stands between two hops. It hands requests on by the uwsgi protocol, and imports nothing
of the service.
"""
