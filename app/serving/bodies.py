"""Bodies: limits the received bytes of all requests, which stay in memory until they are answered."""

from __future__ import annotations

import threading
from collections import Counter

from app.errors import Busy
from app.serving.arrivals import Arrival

_CALLERS_PART = 2  # callers who use more than 1/2 of the room make room first
_SMALL_PART = 64  # requests of at most 1/64 of the room are always admitted; their number is limited anyway

_FULL = "Too many large requests arrived at once. Try again later."


class Bodies:
    """Room for a limited number of bytes of all requests together.

    If the room is full, a large request that is still being received is refused to make room: one that has
    stalled, else one of a caller with more than half of the room, else the one with the fewest bytes. Thus as
    many requests succeed as fit; if instead every request that finds no room were refused, all might be. No
    request waits for room.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bodies: list[Body] = []  # the oldest first, without those that were refused to make room
        self._lock = threading.Lock()

    def begin(self, caller: str) -> Body:
        """The bytes of a new request of `caller`."""
        body = Body(self, caller)
        with self._lock:
            self._bodies.append(body)
        return body

    def grow(self, body: Body, more: int, arrival: Arrival) -> None:
        """See `Body`."""
        with self._lock:
            if body not in self._bodies:
                raise Busy(_FULL, 1)
            body.arrival = arrival
            body.bytes += more
            while not self._is_small(body) and self._together() > self._most_bytes:
                loser = self._next_to_go(body)
                self._bodies.remove(loser)
                if loser is body:
                    raise Busy(_FULL, 1)
                loser.make_room()

    def end(self, body: Body) -> None:
        """See `Body`."""
        with self._lock:
            if body in self._bodies:
                self._bodies.remove(body)

    def _is_small(self, body: Body) -> bool:
        return body.bytes <= self._most_bytes // _SMALL_PART

    def _together(self) -> int:
        return sum(body.bytes for body in self._bodies)

    def _next_to_go(self, growing: Body) -> Body:
        """The body that is refused to make room, perhaps `growing` itself."""
        of_callers: Counter[str] = Counter()
        for body in self._bodies:
            of_callers[body.caller] += body.bytes

        def merit(body: Body) -> tuple[bool, bool, int]:
            has_too_much = of_callers[body.caller] > self._most_bytes // _CALLERS_PART
            return not body.has_stalled(), not has_too_much, body.bytes

        return min(
            (
                body
                for body in reversed(self._bodies)  # the youngest of equals
                if body is growing or (body.is_received() and not self._is_small(body))
            ),
            key=merit,
        )


class Body:
    """The bytes of one request.

    Attributes:
        caller: the caller of the request.
        bytes: the number of bytes received.
        arrival: the place that the request had, or has, while receiving them.
    """

    def __init__(self, bodies: Bodies, caller: str) -> None:
        self.caller = caller
        self.bytes = 0
        self.arrival: Arrival | None = None
        self._bodies = bodies

    def grow(self, more: int, arrival: Arrival) -> None:
        """Take room for `more` bytes received by `arrival`. Raises Busy, also if it made room before."""
        self._bodies.grow(self, more, arrival)

    def end(self) -> None:
        """Free the room, since the request is over."""
        self._bodies.end(self)

    def is_received(self) -> bool:
        """Whether it is still being received, so that it can be refused to make room."""
        return self.arrival is not None and self.arrival.may_be_lost()

    def has_stalled(self) -> bool:
        """Whether its transfer has stalled, so that it would free its room too late at its next bytes."""
        return self.arrival is not None and self.arrival.stalled() is not None

    def make_room(self) -> None:
        """Refuse the request: at once if it has stalled, otherwise when its next bytes arrive."""
        if self.arrival and self.has_stalled():
            self.arrival.lose(Busy(_FULL, 1))
