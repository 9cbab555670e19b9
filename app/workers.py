"""Workers: who may run, who waits, who is told to come back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from app.errors import Busy
from model.stopwatch import Stopwatch

DECODERS = 2
"""Pictures decoded at once: a decoded one is far larger than its file, and may take some copies."""


class Workers:
    """One inference at a time, a bounded number of requests waiting for it, the rest refused at once.

    A request first takes a place (`admit`), before its upload is read: whoever has none costs nothing, and
    slow uploads cannot use up the threads that answer probes. With its picture decoded it then waits for
    its turn (`turn`), first come, first served.
    """

    def __init__(self, queue: int, timeout: float) -> None:
        """Admit `queue` requests beside the running one; none waits longer than `timeout` seconds."""
        self.decoding = threading.BoundedSemaphore(DECODERS)  # hold it while decoding
        self._places = threading.BoundedSemaphore(1 + queue)
        self._timeout = timeout
        self._line: deque[object] = deque()  # the running one first, then those that wait
        self._line_moved = threading.Condition()

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Hold a place for the length of the `with` block. Raises Busy at once when there is none."""
        if not self._places.acquire(blocking=False):
            raise Busy("The queue is full. Try again shortly.")
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def turn(self, stopwatch: Stopwatch) -> Iterator[None]:
        """Run the `with` block alone, after a wait that `stopwatch` measures as "queue". Raises Busy."""
        ticket = object()
        with self._line_moved:
            self._line.append(ticket)
        try:
            with stopwatch.measure("queue"), self._line_moved:
                if not self._line_moved.wait_for(lambda: self._line[0] is ticket, self._timeout):
                    raise Busy(f"No turn came within {self._timeout:g} seconds. Try again shortly.")
            yield
        finally:
            with self._line_moved:
                self._line.remove(ticket)
                self._line_moved.notify_all()
