"""Places: so many requests at once, shared by caller when they are short."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.errors import Busy, ServiceError
from app.serving.tenure import Tenure

_OF_THE_LATEST = 0.1  # share in the average of how long places are held
_LONGER_SECONDS = 5.0  # than a newcomer had places; a photo over a good line takes less than one


class Place:
    """A request's place, which it may lose.

    Attributes:
        caller: whose request it is.
        level: how long it may take: 0 for the shortest. Only `Places` changes it.
    """

    def __init__(self, caller: str, level: int = 0) -> None:
        self.caller = caller
        self.level = level
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

    def tenure(self) -> float:
        """For how many seconds its caller has kept it from others, as far as that is the caller's doing."""
        return 0.0

    def stalled(self) -> tuple[float, ServiceError] | None:
        """How fast it goes on, in bytes a second, if so slowly that anybody may have the place instead; and
        what is to be answered then."""
        return None


class Places:
    """A number of places, only some of which are for requests that take long: the others turn over quickly.

    Where all are held, a newcomer may get the place of another request: of the slowest of those that have
    stalled, whoever sent it; else of the youngest that only waits of the caller with the most places, if this
    caller then still has as many as the newcomer's. Else, where more than five sixths are held by callers who
    had places for longer lately than the newcomer's, the youngest of these: many who are slow keep nobody out
    who is quick, and yet most of them come to an end. Requests that take long share their places in the same
    way.
    """

    def __init__(self, numbers: Sequence[int], complaints: Sequence[str]) -> None:
        """
        Args:
            numbers: of places for requests of each level and those above it; the first is that of all places.
            complaints: why there is no place, by level, each a sentence for the caller.
        """
        self._numbers = numbers
        self._complaints = complaints
        self._held: list[Place] = []  # the oldest first
        self._tenure = Tenure()
        self._mean_seconds = [0.0] * len(numbers)  # that a place is held by requests of that level and above
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, place: Place) -> Iterator[None]:
        """Hold `place`, a new one, for the length of the `with` block. Raises Busy where there is none."""
        with self._lock:
            self._make_room(place.caller, range(place.level + 1))
            self._held.append(place)
        try:
            yield
        finally:
            with self._lock:
                if place in self._held:  # not lost
                    self._remove(place)
                    held = time.monotonic() - place.since
                    for level in range(place.level + 1):
                        self._mean_seconds[level] += _OF_THE_LATEST * (held - self._mean_seconds[level])

    def lift(self, place: Place, level: int) -> None:
        """Raise `place`, which is held, to `level`; one that is as high already stays what it is.

        Raises:
            Busy: no place is left for so long a request.
            ServiceError: the place was lost before.
        """
        with self._lock:
            place.check()
            self._make_room(place.caller, range(place.level + 1, level + 1))
            place.level = max(place.level, level)

    def check_room(self, caller: str, level: int = 0) -> None:
        """Raise Busy if `caller` would get no place of that level now."""
        with self._lock:
            for each in range(level + 1):
                if self._is_full(each) and not self._loser(caller, each):
                    raise self._busy(each)

    def _make_room(self, caller: str, levels: range) -> None:
        """Take a place from another request where one is needed. Raises Busy where none is to lose it."""
        for level in reversed(levels):  # what is lost at one level is free at those below it, too
            if not self._is_full(level):
                continue
            if not (loser := self._loser(caller, level)):
                raise self._busy(level)
            place, error = loser
            place.lose(error)
            self._remove(place)

    def _remove(self, place: Place) -> None:
        self._held.remove(place)
        self._tenure.add(place.caller, place.tenure())

    def _loser(self, caller: str, level: int) -> tuple[Place, ServiceError] | None:
        """Whose place a newcomer of `caller` gets, and what the loser is to be told."""
        if stalled := self._stalled(level):
            _, place, error = stalled
            return place, error
        if excess := self._excess(caller, level):
            return excess, self._made_room(level, "You have the most requests here")
        if longer := self._longer(caller, level):
            return longer, self._made_room(level, "Your requests have taken long lately")
        return None

    def _made_room(self, level: int, why: str) -> Busy:
        return Busy(
            f"{self._complaints[level]} {why}: this one made room for another caller.", self._seconds(level)
        )

    def _of(self, level: int) -> list[Place]:
        """The places held by requests of that level and above, the oldest first."""
        return [place for place in self._held if place.level >= level]

    def _is_full(self, level: int) -> bool:
        return len(self._of(level)) >= self._numbers[level]

    def _stalled(self, level: int) -> tuple[float, Place, ServiceError] | None:
        """The slowest of those that have stalled, how fast it goes on and what it is to be told."""
        found = [(*stalled, place) for place in self._of(level) if (stalled := place.stalled())]
        if not found:
            return None
        pace, error, place = min(found, key=lambda one: one[0])
        return pace, place, error

    def _excess(self, caller: str, level: int) -> Place | None:
        """The youngest request that waits of the caller who has the most, and too many beside `caller`."""
        of_level = self._of(level)
        held = Counter(place.caller for place in of_level)
        in_excess = [
            place
            for place in reversed(of_level)
            if held[place.caller] > held[caller] + 1 and place.may_be_lost()
        ]
        return max(in_excess, key=lambda place: held[place.caller], default=None)

    def _longer(self, caller: str, level: int) -> Place | None:
        """The youngest request that waits of callers who had places for longer, if they hold too many."""
        of_level = self._of(level)
        tenures: dict[str, float] = defaultdict(float)
        for place in of_level:
            tenures[place.caller] += place.tenure()
        for each in {caller, *tenures}:
            tenures[each] += self._tenure.seconds(each)
        longer = [place for place in of_level if tenures[place.caller] > tenures[caller] + _LONGER_SECONDS]
        if len(longer) <= max(1, self._numbers[level] * 5 // 6):
            return None
        return next((place for place in reversed(longer) if place.may_be_lost()), None)

    def _busy(self, level: int) -> Busy:
        return Busy(f"{self._complaints[level]} Try again later.", self._seconds(level))

    def _seconds(self, level: int) -> float:
        """How long it likely takes until a place of that level is free."""
        now = time.monotonic()
        ages = sum(now - place.since for place in self._of(level)) / self._numbers[level]
        return max(self._mean_seconds[level], ages) / self._numbers[level]
