"""Places: a limited number of requests at once, shared among callers when places are short."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from app.errors import Busy, ServiceError
from app.serving.tenure import Tenure

_OF_THE_LATEST = 0.1  # weight of the latest value in the moving average of how long places are held
_LONGER_SECONDS = 5.0  # by which others must have held places longer; uploading a photo takes under 1 s


class Place:
    """A request's place, which it may lose to another request.

    Attributes:
        caller: the caller of the request.
        level: how long the request may take, 0 for the shortest. Only `Places` changes it.
    """

    def __init__(self, caller: str, level: int = 0) -> None:
        self.caller = caller
        self.level = level
        self.since = time.monotonic()
        self._is_settled = False
        self._lost: ServiceError | None = None

    def settle(self) -> None:
        """Keep the place for good, since work on the picture begins. Raises ServiceError if it is lost."""
        self._is_settled = True
        if self._lost:
            raise self._lost

    def check(self) -> None:
        """Raise the error to answer with, if the place is lost."""
        if self._lost and not self._is_settled:
            raise self._lost

    def lose(self, error: ServiceError) -> None:
        """Take the place away; the request will be answered with `error`."""
        self._lost = error

    def may_be_lost(self) -> bool:
        """Whether the request is only waiting, so that it may lose its place."""
        return not self._is_settled

    def tenure(self) -> float:
        """For how many seconds the caller has kept the place from others by being slow."""
        return 0.0

    def stalled(self) -> tuple[float, ServiceError] | None:
        """The pace in bytes per second, if it is so low that any request may take the place, and the error
        to answer with; None otherwise."""
        return None


class Places:
    """A number of places, only some of which are for requests that take long, so the others free up soon.

    If all are held, a new request may take the place of another request, the first of these that exists:

    1. the slowest of the stalled requests, whoever sent it;
    2. the youngest waiting request of the caller with the most places, if this caller then still has at least
       as many as the new request's caller;
    3. if more than five sixths of the places are held by callers who recently held places for longer than the
       new request's caller: the youngest waiting request of these callers. This way many slow callers cannot
       keep out quick ones, and most of the slow requests still succeed.

    Requests that take long share their places in the same way.
    """

    def __init__(self, numbers: Sequence[int], complaints: Sequence[str]) -> None:
        """
        Args:
            numbers: for each level, the places for requests of this level and above; the first is the total.
            complaints: for each level, a sentence that tells the caller why there is no place.
        """
        self._numbers = numbers
        self._complaints = complaints
        self._held: list[Place] = []  # the oldest first
        self._tenure = Tenure()
        self._mean_seconds = [0.0] * len(numbers)  # how long requests of this level and above hold a place
        self._lock = threading.Lock()

    @contextmanager
    def hold(self, place: Place) -> Iterator[None]:
        """Hold `place`, a new one, during the `with` block. Raises Busy if none is free."""
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
        """Raise `place`, which is held, to `level`, if it is lower.

        Raises:
            Busy: no place of that level is free.
            ServiceError: the place was lost before.
        """
        with self._lock:
            place.check()
            self._make_room(place.caller, range(place.level + 1, level + 1))
            place.level = max(place.level, level)

    def check_room(self, caller: str, level: int = 0) -> None:
        """Raise Busy if `caller` would not get a place of that level now."""
        with self._lock:
            for each in range(level + 1):
                if self._is_full(each) and not self._loser(caller, each):
                    raise self._busy(each)

    def _make_room(self, caller: str, levels: range) -> None:
        """Take a place from another request, if needed. Raises Busy if no request may lose its place."""
        for level in reversed(levels):  # a place that is freed at one level is free at lower levels, too
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
        """The place that a new request of `caller` takes over, and the error for its present holder."""
        if stalled := self._stalled(level):
            _, place, error = stalled
            return place, error
        if excess := self._excess(caller, level):
            return excess, self._made_room(level, "You have the most requests in progress")
        if longer := self._longer(caller, level):
            return longer, self._made_room(level, "Your recent requests have taken long")
        return None

    def _made_room(self, level: int, why: str) -> Busy:
        return Busy(
            f"{self._complaints[level]} {why}, so this one made room for another caller.",
            self._seconds(level),
        )

    def _of(self, level: int) -> list[Place]:
        """The places held by requests of that level and above, the oldest first."""
        return [place for place in self._held if place.level >= level]

    def _is_full(self, level: int) -> bool:
        return len(self._of(level)) >= self._numbers[level]

    def _stalled(self, level: int) -> tuple[float, Place, ServiceError] | None:
        """The slowest stalled request: its pace in bytes per second, its place, and the error for it."""
        found = [(*stalled, place) for place in self._of(level) if (stalled := place.stalled())]
        if not found:
            return None
        pace, error, place = min(found, key=lambda one: one[0])
        return pace, place, error

    def _excess(self, caller: str, level: int) -> Place | None:
        """The youngest waiting request of the caller with the most, if `caller` has at least two fewer."""
        of_level = self._of(level)
        held = Counter(place.caller for place in of_level)
        in_excess = [
            place
            for place in reversed(of_level)
            if held[place.caller] > held[caller] + 1 and place.may_be_lost()
        ]
        return max(in_excess, key=lambda place: held[place.caller], default=None)

    def _longer(self, caller: str, level: int) -> Place | None:
        """The youngest waiting request of callers who held places for longer, if these hold too many."""
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
        """The expected time in seconds until a place of that level is free."""
        now = time.monotonic()
        ages = sum(now - place.since for place in self._of(level)) / self._numbers[level]
        return max(self._mean_seconds[level], ages) / self._numbers[level]
