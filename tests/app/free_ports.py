"""Ports for servers that tests start, which nothing else takes before the server does."""

from __future__ import annotations

import itertools
import os
import random
import socket

# Below those that Linux gives to connections (net.ipv4.ip_local_port_range), and a range of its own to each
# process of pytest-xdist: a port that the system calls free may have gone to a connection or to another test
# by the time that the server binds it.
_FIRST, _EACH, _RANGES = 10_000, 2_000, 10
_range = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _RANGES
_steps = itertools.count(random.randrange(_EACH))  # elsewhere than another test run on this machine


def free_port() -> int:
    """A port of 127.0.0.1, another at each call."""
    while True:
        port = _FIRST + _EACH * _range + next(_steps) % _EACH
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
