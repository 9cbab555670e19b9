"""Admission: which requests may run, which wait, and which are told to come back."""

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
"""The greatest weight of a picture in each lane: none waits for others of more than four times its weight.

A picture weighs as much as it has pixels, or more where a network sees far more of them
(`model.answering.weight_of`)."""

LONGEST = len(LANES) - 1
"""The level of a place (`Place`) for a picture of the last lane, or one that needs as much memory, or for
several in one request. Those for pictures of the other lanes have the number of the lane."""

_LARGE_BODY = 4 * 2**20  # bytes: a picture for the first lane hardly has as many, even uncompressed

_FULL = (
    "The queue is full.",
    *["The queue has no place left for pictures of this size, nor for batches."] * LONGEST,
)


def places_by_level(places: int) -> tuple[int, ...]:
    """How many of `places` pictures of each lane and those above it may take.

    Each lane leaves a sixth of them to the smaller ones, so that the largest get half.
    """
    return tuple(max(1, places * (6 - level) // 6) for level in range(len(LANES)))


class Admission:
    """A bounded number of requests, and one network at work for them.

    A request is first let in to upload (`upload`). As many may arrive at once as may run and wait, so that
    they use up neither memory nor the threads that answer probes. Whole, it takes a place (`admit`): slow
    uploads keep none from those that have arrived. Where places are short, callers share them, and large
    pictures get only some (`Inference.measured`): else many callers with one each would keep out all others.

    Its decoded picture then waits in a lane for pictures of its weight (`Inference.lane`). Of each lane one
    is worked on at a time: what is half done is bounded, and large pictures are finished one after another,
    instead of all at once and too late. Those that are worked on take turns, a tile each
    (`Inference.turn`), so that a small one passes the large.
    """

    watch: Callable[[str], AbstractContextManager[object]] = nullcontext
    """Told of everyone who is "arriving", "waiting" or "running", for as long as they are."""

    def __init__(self, queue: int, timeout: float) -> None:
        """Admit `queue` requests beside the running one; none waits longer than `timeout` seconds."""
        self.lanes = [Turns() for _ in LANES]
        self.turns = Turns()
        self.timeout = timeout
        by_level = places_by_level(1 + queue)
        # A large upload has level 1: how large its picture is, nobody knows, and none holds up the others.
        self._arrivals = Places(by_level[:2], ["Too many uploads arrive at once."] * 2)
        self._places = Places(by_level, _FULL)
        self._is_closed = False

    def close(self) -> None:
        """Let in no more uploads; what has begun goes on."""
        self._is_closed = True

    @contextmanager
    def upload(self, caller: str, length: int = 0) -> Iterator[Arrival]:
        """Receive a request in the `with` block. Raises Busy: too many arrive, a full queue, closed.

        `length`: of its body in bytes; 0 where it is not known (`lift_upload`).
        """
        if self._is_closed:
            raise Busy("The service is ending. Try again shortly.")
        level = _level_of(length)
        self._places.check_room(caller, level)  # or it would only be refused after its upload
        arrival = Arrival(caller, min(1, level))
        with self._arrivals.hold(arrival), self.watch("arriving"):
            yield arrival

    def lift_upload(self, arrival: Arrival, length: int) -> None:
        """Make `arrival` a large one if it is found to be, now that `length` bytes have come. Raises Busy."""
        if arrival.level < (level := _level_of(length)):
            self._places.check_room(arrival.caller, level)
            self._arrivals.lift(arrival, 1)

    @contextmanager
    def admit(self, caller: str, length: int = 0, images: int = 1) -> Iterator[Place]:
        """Hold a place for the length of the `with` block. Raises Busy at once when there is none.

        `length`: of what has come, in bytes; `images`: how many these are.
        """
        place = Place(caller, LONGEST if images > 1 else _level_of(length))
        with self._places.hold(place):
            yield place

    def lift(self, place: Place, level: int) -> None:
        """Make `place` one of `level`, if it is lower. Raises Busy at once when there is none left."""
        self._places.lift(place, level)


def _level_of(length: int) -> int:
    """Of the place for a picture in so many bytes, whose header has not been read."""
    return LONGEST if length > _LARGE_BODY else 0


def _lane_of(weight: int) -> int:
    """The number of the lane for a picture of that weight."""
    return next(number for number, most in enumerate(LANES) if weight <= most)


class Inference:
    """One picture on its way through the network; what it waits is measured as "queue"."""

    def __init__(self, admission: Admission, place: Place, stopwatch: Stopwatch, patience: Patience) -> None:
        self._admission = admission
        self._place = place
        self._stopwatch = stopwatch
        self._patience = patience
        self._request: Request | None = None

    def measured(self, weight: int, is_large: bool) -> None:
        """Take a place for a picture whose header was read, and whose pixels are not decoded yet.

        `weight`: as of `LANES`, or the pixels of all pages and frames that are decoded for it, if these are
        more; `is_large`: whether it waits for the memory of large pictures. Raises Busy at once when there is
        no place.
        """
        self._admission.lift(self._place, LONGEST if is_large else _lane_of(weight))

    @contextmanager
    def lane(self, weight: int) -> Iterator[None]:
        """Let a picture of that weight be worked on in the `with` block.

        Raises:
            Busy: this did not begin in time, or the place was lost.
            ClientLeft: as the patience tells.
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
        """Let the network compute in the `with` block, which must lie in that of `lane`.

        Raises:
            Busy: the request's time is over.
            ClientLeft: as the patience tells.
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
