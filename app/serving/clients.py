"""Clients: whether who asked still waits for the answer."""

from __future__ import annotations

import socket
from typing import Any


def has_left(environ: dict[str, Any]) -> bool:
    """Whether the client of a request has closed its connection; False where nobody can tell.

    Args:
        environ: the request's, as WSGI has it. uWSGI's router closes the connection to the worker, behind
            `wsgi.input`, with the client's.
    """
    try:
        connection = socket.socket(fileno=environ["wsgi.input"].fileno())
    except (KeyError, AttributeError, OSError):  # a server that keeps it to itself
        return False
    try:
        return not connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except ConnectionError:  # reset
        return True
    finally:
        connection.detach()  # it is the server's
