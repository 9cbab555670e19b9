"""Clients: whether who asked still waits for the answer."""

from __future__ import annotations

import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

# The kernel's table of connections, a line each: number, local address, remote address, state, …
# uWSGI's router keeps the client's connection to itself and looks at it only to write, so that nothing on the
# worker's side tells of a client that leaves; the kernel does.
_TABLE = Path("/proc/net/tcp")
_CLOSED_BY_CLIENT = "08"  # CLOSE_WAIT
_FRESH_SECONDS = 0.25  # one reading serves all who look: on a large machine it takes milliseconds

_lock = threading.Lock()
_states: dict[tuple[str, str], str] = {}
_read_at = -_FRESH_SECONDS


class Client:
    """The client of one request."""

    def __init__(self, environ: dict[str, Any]) -> None:
        """`environ` is the request's, as WSGI has it."""
        # Behind proxies that are trusted, the address is that of the caller; the connection is the proxy's.
        direct = environ.get("werkzeug.proxy_fix.orig", environ)
        self._connections = _possible_keys(
            direct.get("REMOTE_ADDR", ""), environ.get("REMOTE_PORT", ""), environ.get("SERVER_PORT", "")
        )
        self._was_seen = False

    def has_left(self) -> bool:
        """Whether the client has closed the connection; False where nobody can tell."""
        states = _current_states()
        state = next((states[key] for key in self._connections if key in states), None)
        if state is None:
            return self._was_seen  # reset, and gone from the table
        self._was_seen = True
        return state == _CLOSED_BY_CLIENT


def _possible_keys(address: str, port: str, server_port: str) -> list[tuple[str, str]]:
    """How the table may name the connection: local port and remote address."""
    try:
        remote = int.from_bytes(socket.inet_aton(address), sys.byteorder)
        number, local = int(port), int(server_port)
    except (OSError, ValueError):  # not IPv4, or a server that does not tell
        return []
    # uWSGI's router gives the port with its two bytes swapped (2.0.31).
    swapped = (number & 0xFF) << 8 | number >> 8
    return [(f"{local:04X}", f"{remote:08X}:{candidate:04X}") for candidate in (swapped, number)]


def _current_states() -> dict[tuple[str, str], str]:
    """The state of each connection, by local port and remote address."""
    global _states, _read_at
    with _lock:
        if time.monotonic() - _read_at >= _FRESH_SECONDS:
            try:
                rows = [line.split(maxsplit=4) for line in _TABLE.read_text().splitlines()[1:]]
            except OSError:  # not Linux
                rows = []
            _states = {(local.rpartition(":")[2], remote): state for _, local, remote, state, _ in rows}
            _read_at = time.monotonic()
        return _states
