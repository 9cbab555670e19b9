"""Arrivals: requests whose bytes are on their way, as an upload or from where an image is fetched."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from app.errors import ServiceError
from app.fetching.progress import Progress
from app.serving.places import Place

_GRACE_SECONDS = 0.5  # in which nothing need have come: a mobile network's round trip takes less
_LEAST_PACE = 32 * 1024  # bytes a second: at less, two megabytes take longer than an upload may


class Source(Protocol):
    """What bytes come from."""

    def progress(self) -> Progress | None:
        """How they come; None: all are there, or it is unknown."""

    def cut(self) -> None:
        """End the wait for more of them."""

    def too_slow(self) -> ServiceError:
        """What is to be answered when it was cut for being slow."""


class Arrival(Place):
    """A place of a request that receives, which it may lose while it waits for bytes."""

    def __init__(self, caller: str, level: int = 0) -> None:
        super().__init__(caller, level)
        self._source: Source | None = None
        self._lock = threading.Lock()

    @contextmanager
    def awaits(self, source: Source) -> Iterator[None]:
        """Receive from `source` in the `with` block. Raises what is to be answered if the place is lost."""
        with self._lock:
            self.check()
            self._source = source
        try:
            yield
        finally:
            with self._lock:
                self._source = None
            self.check()  # in place of whatever the cut has made of the wait

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
