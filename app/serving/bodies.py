"""Bodies: the bytes that requests have brought, which stay in memory until they are answered, bounded."""

from __future__ import annotations

import threading
from collections import Counter

from app.errors import Busy
from app.serving.arrivals import Arrival

_CALLERS_PART = 2  # of the room: callers with more than this make room first
_SMALL_PART = 64  # of the room: a request of fewer bytes is always let in, and such requests are not many

_FULL = "Too many large requests are here at once. Try again later."


class Bodies:
    """Room for so many bytes of requests.

    Where it is full, a large request that is still being received makes room for the others: one that has
    stalled, else one of a caller with more than half of the room, else the one with the fewest bytes. So as
    many get through as fit; if each were refused that finds no room, all would be. Nobody waits for room.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bodies: list[Body] = []  # the oldest first; without those that have made room
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
        """Whichever makes room, perhaps `growing` itself."""
        of_callers: Counter[str] = Counter()
        for body in self._bodies:
            of_callers[body.caller] += body.bytes

        def merit(body: Body) -> tuple[bool, bool, int]:
            has_too_much = of_callers[body.caller] > self._most_bytes // _CALLERS_PART
            return not body.has_stalled(), not has_too_much, body.bytes

        return min(
            (
                body
                for body in reversed(self._bodies)  # of equals the youngest
                if body is growing or (body.is_received() and not self._is_small(body))
            ),
            key=merit,
        )


class Body:
    """The bytes of one request.

    Attributes:
        caller: whose it is.
        bytes: how many there are.
        arrival: as which they come, or have come.
    """

    def __init__(self, bodies: Bodies, caller: str) -> None:
        self.caller = caller
        self.bytes = 0
        self.arrival: Arrival | None = None
        self._bodies = bodies

    def grow(self, more: int, arrival: Arrival) -> None:
        """Take room for `more` bytes, which `arrival` has brought. Raises Busy, also if it has made room."""
        self._bodies.grow(self, more, arrival)

    def end(self) -> None:
        """The request is over."""
        self._bodies.end(self)

    def is_received(self) -> bool:
        """Whether more of it may come, and it could thus be told to make room."""
        return self.arrival is not None and self.arrival.may_be_lost()

    def has_stalled(self) -> bool:
        """Whether it would be told too late if that waited for its next bytes."""
        return self.arrival is not None and self.arrival.stalled() is not None

    def make_room(self) -> None:
        """Have it refused: at once if it has stalled, else with its next bytes, and it is answered."""
        if self.arrival and self.has_stalled():
            self.arrival.lose(Busy(_FULL, 1))
