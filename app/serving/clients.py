"""Clients: whether who asked still waits for the answer."""

from __future__ import annotations

from typing import Any

from app.serving.connections import CLOSE_WAIT, Connection, find, look_again


class Client:
    """The client of one request.

    The front (front/) keeps the client's connection to itself, and leaves it open until the answer is sent. A
    client that closes it while it waits has left, and the kernel tells of it. One that closes its sending
    side alone looks the same, and is taken for one: else clients that have left would be worked for.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        """`environ` is the request's, as WSGI has it."""
        # Behind proxies that are trusted, the address is that of the caller; the connection is the proxy's.
        direct = environ.get("werkzeug.proxy_fix.orig", environ)
        self._address: str = direct.get("REMOTE_ADDR", "")
        self._port = _port(environ.get("REMOTE_PORT", ""))
        self._server_port = _port(environ.get("SERVER_PORT", ""))
        self._seen: Connection | None = None
        self._is_looked_for = True

    def has_left(self) -> bool:
        """Whether the client has closed the connection; False where nobody can tell."""
        if self._is_looked_for:
            self._is_looked_for = False  # what is not there at first does not come
            self._seen = self._found()
            return self._seen is not None and self._seen.state == CLOSE_WAIT
        if self._seen is None:
            return False
        now = look_again(self._seen)
        return now is None or now.state == CLOSE_WAIT  # reset and gone, or closed

    def _found(self) -> Connection | None:
        if self._port is None or self._server_port is None:  # a server that does not tell
            return None
        return find(self._server_port, (self._address, self._port))


def _port(given: str | int) -> int | None:
    text = str(given)  # Flask's own server gives a number
    return int(text) if text.isdecimal() and int(text) < 2**16 else None
