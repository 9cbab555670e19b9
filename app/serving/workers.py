"""Workers: who may run, who waits, who is told to come back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from app.errors import Busy
from app.serving.arrivals import Arrival
from app.serving.patience import Patience
from app.serving.places import Place, Places
from app.serving.turns import Request, Turns
from model.families.family import Size
from model.stopwatch import Stopwatch

LANES = (1e6, 4e6, 16e6, math.inf)
"""The most pixels of a picture in each lane: none waits for others that are more than four times its size."""


class Workers:
    """A bounded number of requests, and one network at work for them.

    A request is first let in to upload (`upload`). As many may arrive at once as may run and wait, so that
    they use up neither memory nor the threads that answer probes. Whole, it takes a place (`admit`): slow
    uploads keep none from those that have arrived. Where places are short, callers share them.

    Its decoded picture then waits in a lane for pictures of its size (`Inference.lane`). Of each lane one is
    worked on at a time: what is half done is bounded, and large pictures are finished one after another,
    instead of all at once and too late. Those that are worked on take turns, a tile each
    (`Inference.turn`), so that a small one passes the large.
    """

    watch: Callable[[str], AbstractContextManager[object]] = nullcontext
    """Told of everyone who is "arriving", "waiting" or "running", for as long as they are."""

    def __init__(self, queue: int, timeout: float) -> None:
        """Admit `queue` requests beside the running one; none waits longer than `timeout` seconds."""
        self.lanes = [(most, Turns()) for most in LANES]
        self.turns = Turns()
        self.timeout = timeout
        self._arrivals = Places(1 + queue, "Too many uploads arrive at once.")
        self._places = Places(1 + queue, "The queue is full.")
        self._is_closed = False

    def close(self) -> None:
        """Let in no more uploads; what has begun goes on."""
        self._is_closed = True

    @contextmanager
    def upload(self, caller: str) -> Iterator[Arrival]:
        """Receive a request in the `with` block. Raises Busy: too many arrive, a full queue, closed."""
        if self._is_closed:
            raise Busy("The service is ending. Try again shortly.")
        self._places.check_room(caller)  # or it would only be refused after its upload
        arrival = Arrival(caller)
        with self._arrivals.hold(arrival), self.watch("arriving"):
            yield arrival

    @contextmanager
    def admit(self, caller: str) -> Iterator[Place]:
        """Hold a place for the length of the `with` block. Raises Busy at once when there is none."""
        place = Place(caller)
        with self._places.hold(place):
            yield place


class Inference:
    """One picture on its way through the network; what it waits is measured as "queue"."""

    def __init__(self, workers: Workers, place: Place, stopwatch: Stopwatch, patience: Patience) -> None:
        self._workers = workers
        self._place = place
        self._stopwatch = stopwatch
        self._patience = patience
        self._request: Request | None = None

    @contextmanager
    def lane(self, size: Size) -> Iterator[None]:
        """Let a picture of `size` be worked on in the `with` block.

        Raises:
            Busy: this did not begin in time, or the place was lost.
            ClientLeft: as the patience tells.
        """
        lane = next(lane for most, lane in self._workers.lanes if math.prod(size) <= most)
        with ExitStack() as held:
            with self._waiting():
                held.enter_context(lane.turn(self._place.caller, self._patience, self._workers.timeout))
            self._place.settle()
            self._request = held.enter_context(self._workers.turns.join(self._place.caller))
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
            self._workers.watch("running"),
        ):
            yield

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        with self._stopwatch.measure("queue"), self._workers.watch("waiting"):
            yield
