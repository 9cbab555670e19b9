"""Bodies: the bytes that requests have brought, which stay in memory until they are answered, bounded."""

from __future__ import annotations

import threading

from app.errors import Busy

_CALLERS_PART = 2  # of the room, which nobody gets more of while others have some, too
_SMALL_PART = 64  # of the room: a request of fewer bytes is always let in, and such requests are not many

_FULL = "Too many large requests are here at once. Try again later."


class Bodies:
    """Room for so many bytes of requests, and where that is full, for the rest of one more.

    If it were for none, all those that grow alike would be refused in the same moment.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bodies: list[Body] = []
        self._beyond: Body | None = None  # the one that may go on although the room is full
        self._lock = threading.Lock()

    def begin(self, caller: str) -> Body:
        """The bytes of a new request of `caller`."""
        body = Body(self, caller)
        with self._lock:
            self._bodies.append(body)
        return body

    def grow(self, body: Body, more: int) -> None:
        """See `Body`."""
        with self._lock:
            if not self._has_room(body, more):
                raise Busy(_FULL, 1)
            body.bytes += more

    def _has_room(self, body: Body, more: int) -> bool:
        if body.bytes + more <= self._most_bytes // _SMALL_PART:
            return True
        own = sum(one.bytes for one in self._bodies if one.caller == body.caller) + more
        together = sum(one.bytes for one in self._bodies) + more
        if own < together and own > self._most_bytes // _CALLERS_PART:
            return False
        if together <= self._most_bytes:
            return True
        self._beyond = self._beyond or body
        return self._beyond is body

    def end(self, body: Body) -> None:
        """See `Body`."""
        with self._lock:
            self._bodies.remove(body)
            if self._beyond is body:
                self._beyond = None


class Body:
    """The bytes of one request.

    Attributes:
        caller: whose it is.
        bytes: how many there are.
    """

    def __init__(self, bodies: Bodies, caller: str) -> None:
        self.caller = caller
        self.bytes = 0
        self._bodies = bodies

    def grow(self, more: int) -> None:
        """Take room for `more` bytes. Raises Busy."""
        self._bodies.grow(self, more)

    def end(self) -> None:
        """The request is over."""
        self._bodies.end(self)
