"""Places: so many requests at once, shared by caller when they are short."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Busy, ServiceError

_OF_THE_LATEST = 0.1  # share in the average of how long places are held


class Place:
    """A request's place, which it may lose.

    Attributes:
        caller: whose request it is.
    """

    def __init__(self, caller: str) -> None:
        self.caller = caller
        self.since = time.monotonic()
        self._is_settled = False
        self._lost: ServiceError | None = None

    def settle(self) -> None:
        """Keep the place, now that its picture is worked on. Raises ServiceError if it is lost already."""
        self._is_settled = True
        if self._lost:
            raise self._lost

    def check(self) -> None:
        """Raise what is to be answered, if the place is lost."""
        if self._lost and not self._is_settled:
            raise self._lost

    def lose(self, error: ServiceError) -> None:
        """Answer `error` as soon as the request is looked at."""
        self._lost = error

    def may_be_lost(self) -> bool:
        """Whether the request only waits."""
        return not self._is_settled

    def stalled(self) -> tuple[float, ServiceError] | None:
        """How fast it goes on, in bytes a second, if so slowly that anybody may have the place instead; and
        what is to be answered then."""
        return None


class Places:
    """A number of places. Where all are held, a newcomer may get that of somebody else.

    That is: of the slowest of those that have stalled, whoever they are; else of the caller who has the most
    places, if that leaves it no fewer than the newcomer's caller has then. It loses its youngest request of
    those that only wait.
    """

    def __init__(self, number: int, complaint: str) -> None:
        """`complaint`: why there is no place, as a sentence for the caller."""
        self._number = number
        self._complaint = complaint
        self._held: list[Place] = []  # the oldest first
        self._mean_seconds = 0.0  # that a place is held
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, place: Place) -> Iterator[None]:
        """Hold `place`, a new one, for the length of the `with` block. Raises Busy where there is none."""
        with self._lock:
            if len(self._held) >= self._number:
                self._make_room(place.caller)
            self._held.append(place)
        try:
            yield
        finally:
            with self._lock:
                if place in self._held:  # not lost
                    self._held.remove(place)
                    held = time.monotonic() - place.since
                    self._mean_seconds += _OF_THE_LATEST * (held - self._mean_seconds)

    def check_room(self, caller: str) -> None:
        """Raise Busy if `caller` would get no place now."""
        with self._lock:
            if len(self._held) >= self._number and not self._stalled() and not self._excess(caller):
                raise self._busy()

    def _make_room(self, caller: str) -> None:
        """Take a place from somebody. Raises Busy where nobody is to lose one."""
        if stalled := self._stalled():
            _, place, error = stalled
        elif excess := self._excess(caller):
            place = excess
            error = Busy(
                f"{self._complaint} You have the most requests here: this one made room for another caller.",
                self._seconds(),
            )
        else:
            raise self._busy()
        place.lose(error)
        self._held.remove(place)

    def _stalled(self) -> tuple[float, Place, ServiceError] | None:
        """The slowest of those that have stalled, how fast it goes on and what it is to be told."""
        found = [(*stalled, place) for place in self._held if (stalled := place.stalled())]
        if not found:
            return None
        pace, error, place = min(found, key=lambda one: one[0])
        return pace, place, error

    def _excess(self, caller: str) -> Place | None:
        """The youngest request that waits of the caller who has the most, and too many beside `caller`."""
        held = Counter(place.caller for place in self._held)
        in_excess = [
            place
            for place in reversed(self._held)
            if held[place.caller] > held[caller] + 1 and place.may_be_lost()
        ]
        return max(in_excess, key=lambda place: held[place.caller], default=None)

    def _busy(self) -> Busy:
        return Busy(f"{self._complaint} Try again later.", self._seconds())

    def _seconds(self) -> float:
        """How long it likely takes until a place is free."""
        now = time.monotonic()
        ages = sum(now - place.since for place in self._held) / self._number
        return max(self._mean_seconds, ages) / self._number
