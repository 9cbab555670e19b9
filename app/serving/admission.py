"""Admission: which requests may run, which wait, and which are refused as too many."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from app.errors import Busy
from app.serving.arrivals import Arrival
from app.serving.patience import Patience
from app.serving.places import Place, Places
from app.serving.turns import Request, Turns
from model.stopwatch import Stopwatch

LANES = (1e6, 4e6, 16e6, math.inf)
"""The greatest weight of a picture in each lane: none waits for pictures of more than four times its weight.

A picture's weight is its number of pixels, or more if the network processes far more pixels
(`model.answering.weight_of`)."""

LONGEST = len(LANES) - 1
"""The level of a place (`Place`) for a picture of the last lane, for one that needs as much memory, or for
several in one request. For the other lanes, the level is the number of the lane."""

_LARGE_BODY = 4 * 2**20  # bytes; pictures of the first lane hardly ever have more, even uncompressed

_FULL = (
    "The queue is full.",
    *["The queue has no place left for pictures of this size or for batches."] * LONGEST,
)


def places_by_level(places: int) -> tuple[int, ...]:
    """For each lane, how many of `places` the pictures of this lane and of higher lanes may take together.

    Each lane leaves another sixth to smaller pictures, so that the largest may take half.
    """
    return tuple(max(1, places * (6 - level) // 6) for level in range(len(LANES)))


class Admission:
    """Admits a limited number of requests, which share one network.

    A request is first admitted for its upload (`upload`). As many may upload at once as may run and wait, so
    that uploads use up neither memory nor the threads that answer probes. Once received, it takes a place
    (`admit`), so that slow uploads do not keep places from received requests. If places are short, callers
    share them, and large pictures may take only some (`Inference.measured`); otherwise many callers with one
    large picture each would keep out all others.

    The decoded picture then waits in the lane for its weight (`Inference.lane`). Each lane works on one
    picture at a time: this limits the amount of unfinished work, and large pictures are finished one after
    another instead of all at once and too late. The pictures being worked on take turns, one tile each
    (`Inference.turn`), so that small pictures overtake large ones.
    """

    watch: Callable[[str], AbstractContextManager[object]] = nullcontext
    """Entered for each request while it is "arriving", "waiting" or "running"."""
    working: Callable[[], AbstractContextManager[object]] = nullcontext
    """Entered for each request while it holds a place: its picture is being worked on, or waits for that."""

    def __init__(self, queue: int, timeout: float) -> None:
        """Admit `queue` requests in addition to the running one; none waits longer than `timeout` seconds."""
        self.lanes = [Turns() for _ in LANES]
        self.turns = Turns()
        self.timeout = timeout
        by_level = places_by_level(1 + queue)
        # All large uploads have level 1: the size of their pictures is not known yet.
        self._arrivals = Places(by_level[:2], ["Too many uploads are arriving at once."] * 2)
        self._places = Places(by_level, _FULL)
        self._is_closed = False

    def close(self) -> None:
        """Admit no more uploads; requests that have begun continue."""
        self._is_closed = True

    @contextmanager
    def upload(self, caller: str, length: int = 0) -> Iterator[Arrival]:
        """Receive a request in the `with` block. Raises Busy if too many arrive, if full, or once closed.

        `length`: the length of its body in bytes; 0 if it is not known yet (`lift_upload`).
        """
        if self._is_closed:
            raise Busy("The service is shutting down. Try again shortly.")
        level = _level_of(length)
        self._places.check_room(caller, level)  # otherwise it would be refused only after its upload
        arrival = Arrival(caller, min(1, level))
        with self._arrivals.hold(arrival), self.watch("arriving"):
            yield arrival

    def lift_upload(self, arrival: Arrival, length: int) -> None:
        """Make `arrival` a large upload if the `length` bytes received so far require it. Raises Busy."""
        if arrival.level < (level := _level_of(length)):
            self._places.check_room(arrival.caller, level)
            self._arrivals.lift(arrival, 1)

    @contextmanager
    def admit(self, caller: str, length: int = 0, images: int = 1) -> Iterator[Place]:
        """Hold a place during the `with` block. Raises Busy at once if none is free.

        `length`: the bytes received; `images`: the number of images in them.
        """
        place = Place(caller, LONGEST if images > 1 else _level_of(length))
        with self._places.hold(place), self.working():
            yield place

    def lift(self, place: Place, level: int) -> None:
        """Raise `place` to `level`, if it is lower. Raises Busy at once if no place of that level is free."""
        self._places.lift(place, level)


def _level_of(length: int) -> int:
    """The level of the place for a file of so many bytes, whose header has not been read."""
    return LONGEST if length > _LARGE_BODY else 0


def _lane_of(weight: int) -> int:
    """The number of the lane for a picture of this weight."""
    return next(number for number, most in enumerate(LANES) if weight <= most)


class Inference:
    """One picture's inference; the time that it waits is measured as "queue"."""

    def __init__(self, admission: Admission, place: Place, stopwatch: Stopwatch, patience: Patience) -> None:
        self._admission = admission
        self._place = place
        self._stopwatch = stopwatch
        self._patience = patience
        self._request: Request | None = None

    def measured(self, weight: int, is_large: bool) -> None:
        """Adjust the place to the picture, after its header is read and before its pixels are decoded.

        `weight`: as for `LANES`, or the pixels of all pages and frames that are decoded for it, if these are
        more; `is_large`: whether it needs the memory reserved for large pictures. Raises Busy at once if no
        place of the required level is free.
        """
        self._admission.lift(self._place, LONGEST if is_large else _lane_of(weight))

    @contextmanager
    def lane(self, weight: int) -> Iterator[None]:
        """Work on a picture of this weight in the `with` block, when the lane is free.

        Raises:
            Busy: the lane did not become free in time, or the place was lost.
            ClientLeft: the client left.
        """
        lane = self._admission.lanes[_lane_of(weight)]
        with ExitStack() as held:
            with self._waiting():
                held.enter_context(lane.turn(self._place.caller, self._patience, self._admission.timeout))
            self._place.settle()
            self._request = held.enter_context(self._admission.turns.join(self._place.caller))
            yield

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Use the network in the `with` block, which must lie inside that of `lane`.

        Raises:
            Busy: the request's time is over.
            ClientLeft: the client left.
        """
        assert self._request
        with (
            self._request.turn(self._patience, while_waiting=self._waiting),
            self._admission.watch("running"),
        ):
            yield

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        with self._stopwatch.measure("queue"), self._admission.watch("waiting"):
            yield
