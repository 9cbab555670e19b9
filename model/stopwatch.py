"""Stopwatch: measures when each named stage of a request ran, and for how long."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Lap(NamedTuple):
    """One run of a stage, from `start` to `end`, in seconds of `time.perf_counter`."""

    stage: str
    start: float
    end: float


class Stopwatch:
    """Collects laps.

    Attributes:
        laps: the measured laps, in the order in which they ended; a stage may occur several times.
    """

    def __init__(self) -> None:
        self.laps: list[Lap] = []
        self._running: list[str] = []  # the running stages, each nested in the one before it
        self._since = 0.0

    @property
    def milliseconds(self) -> dict[str, float]:
        """Stage → its total milliseconds over all laps."""
        sums: dict[str, float] = {}
        for stage, start, end in self.laps:
            sums[stage] = sums.get(stage, 0.0) + (end - start) * 1000
        return sums

    @contextmanager
    def measure(self, stage: str) -> Iterator[None]:
        """Measure the `with` block. A nested stage pauses the outer one, so that no time is counted twice."""
        self._end_lap()
        self._running.append(stage)
        try:
            yield
        finally:
            self._end_lap()
            self._running.pop()

    def _end_lap(self) -> None:
        now = time.perf_counter()
        if self._running:
            self.laps.append(Lap(self._running[-1], self._since, now))
        self._since = now
