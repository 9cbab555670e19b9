"""Arrivals: requests that are being received, as an upload or by fetching an image."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from app.errors import ServiceError
from app.fetching.progress import Progress
from app.serving.places import Place

_GRACE_SECONDS = 0.5  # without bytes, before a transfer counts as stalled; more than a mobile round trip
_LEAST_PACE = 32 * 1024  # bytes per second; at a lower pace, 2 MB take longer than an upload may


class Source(Protocol):
    """Where the bytes of a request come from."""

    def progress(self) -> Progress | None:
        """The transfer's progress; None if it is complete or unknown."""

    def cut(self) -> None:
        """End the wait for more bytes."""

    def too_slow(self) -> ServiceError:
        """The error to answer with if the transfer was cut for being slow."""


class Arrival(Place):
    """The place of a request that is being received; it can be lost while the request waits for bytes."""

    def __init__(self, caller: str, level: int = 0) -> None:
        super().__init__(caller, level)
        self._source: Source | None = None
        self._lock = threading.Lock()

    @contextmanager
    def awaits(self, source: Source) -> Iterator[None]:
        """Receive from `source` in the `with` block. Raises the error to answer with if the place is lost."""
        with self._lock:
            self.check()
            self._source = source
        try:
            yield
        finally:
            with self._lock:
                self._source = None
            self.check()  # replaces any exception that the cut has caused in the wait

    def lose(self, error: ServiceError) -> None:
        """See `Place`."""
        with self._lock:
            super().lose(error)
            if self._source:
                self._source.cut()

    def may_be_lost(self) -> bool:
        """See `Place`."""
        return self._source is not None

    def tenure(self) -> float:
        """See `Place`."""
        return time.monotonic() - self.since

    def stalled(self) -> tuple[float, ServiceError] | None:
        """See `Place`."""
        with self._lock:
            if self._source is None or not (progress := self._source.progress()):
                return None
            if progress.waited < _GRACE_SECONDS:
                return None
            pace = 0.0 if progress.quiet > _GRACE_SECONDS else progress.received / progress.waited
            return (pace, self._source.too_slow()) if pace < _LEAST_PACE else None
