"""Clients: whether a request's client is still waiting for the answer."""

from __future__ import annotations

from typing import Any

from app.serving.connections import CLOSE_WAIT, Connection, find, look_again


class Client:
    """The client of one request.

    The front (front/) holds the client's connection and leaves it open until the answer is sent. If the
    client closes it before, the client has left, and the kernel knows. A client that closes only its sending
    side looks the same and counts as having left; otherwise the service would work for clients that are gone.
    """

    def __init__(self, environ: dict[str, Any]) -> None:
        """`environ`: the request's WSGI environment."""
        # With trusted proxies, REMOTE_ADDR is the caller's address, but the connection is that of the proxy.
        direct = environ.get("werkzeug.proxy_fix.orig", environ)
        self._address: str = direct.get("REMOTE_ADDR", "")
        self._port = _port(environ.get("REMOTE_PORT", ""))
        self._server_port = _port(environ.get("SERVER_PORT", ""))
        self._seen: Connection | None = None
        self._is_looked_for = True

    def has_left(self) -> bool:
        """Whether the client has closed the connection; False if this is not known."""
        if self._is_looked_for:
            self._is_looked_for = False  # a connection that is not found at first is never found
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
