"""Workers: who may run, who waits, who is told to come back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from app.errors import Busy
from app.serving.patience import Patience
from model.stopwatch import Stopwatch

_PATIENT = Patience()

_QUEUE_IS_FULL = "The queue is full. Try again shortly."


class Workers:
    """One inference at a time, a bounded number of requests waiting for it, the rest refused at once.

    A request is first let in to upload (`upload`). As many may arrive at once as may run and wait, so that
    they use up neither memory nor the threads that answer probes. Whole, it takes a place (`admit`): slow
    uploads keep none from those that have arrived. With its picture decoded it then waits for its turn
    (`turn`), first come, first served.
    """

    watch: Callable[[str], AbstractContextManager[object]] = nullcontext
    """Told of everyone who is "arriving", "waiting" or "running", for as long as they are."""

    def __init__(self, queue: int, timeout: float) -> None:
        """Admit `queue` requests beside the running one; none waits longer than `timeout` seconds."""
        self._limit = 1 + queue
        self._uploads = threading.BoundedSemaphore(self._limit)
        self._places = threading.BoundedSemaphore(self._limit)
        self._timeout = timeout
        self._line: deque[object] = deque()  # the running one first, then those that wait
        self._line_moved = threading.Condition()
        self._is_closed = False

    def close(self) -> None:
        """Let in no more uploads; what has begun goes on."""
        self._is_closed = True

    @contextmanager
    def upload(self) -> Iterator[None]:
        """Read an upload in the `with` block. Raises Busy: too many arrive, a full queue, closed."""
        if self._is_closed:
            raise Busy("The service is ending. Try again shortly.")
        if len(self._line) >= self._limit:  # it would only be refused after its upload
            raise Busy(_QUEUE_IS_FULL)
        with (
            _hold(self._uploads, "Too many uploads arrive at once. Try again shortly."),
            self.watch("arriving"),
        ):
            yield

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place for the length of the `with` block. Raises Busy at once when there is none."""
        with _hold(self._places, _QUEUE_IS_FULL):
            yield

    @contextmanager
    def turn(self, stopwatch: Stopwatch, patience: Patience = _PATIENT) -> Iterator[None]:
        """Run the `with` block alone, after a wait that `stopwatch` measures as "queue".

        Raises:
            Busy: no turn came in time, which is the queue's and that of `patience`.
            ClientLeft: as `patience` tells.
        """
        ticket = object()

        def is_first(seconds: float) -> bool:
            with self._line_moved:
                return self._line_moved.wait_for(lambda: self._line[0] is ticket, seconds)

        with self._line_moved:
            self._line.append(ticket)
        try:
            with stopwatch.measure("queue"), self.watch("waiting"):
                if not patience.wait(is_first, self._timeout):
                    raise Busy("No turn came in time. Try again shortly.")
            with self.watch("running"):
                yield
        finally:
            with self._line_moved:
                self._line.remove(ticket)
                self._line_moved.notify_all()


@contextmanager
def _hold(places: threading.BoundedSemaphore, complaint: str) -> Iterator[None]:
    """Hold one of `places` for the length of the `with` block. Raises Busy with `complaint`."""
    if not places.acquire(blocking=False):
        raise Busy(complaint)
    try:
        yield
    finally:
        places.release()
