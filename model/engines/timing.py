"""Timing: measures how long a model takes, as a whole and by stage."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy.typing as npt

from model.engines.stages import Floats, Pass, Runner
from model.engines.wrapping import WrappedPass, WrappedRunner

WARM_UPS, REPEATS = 2, 7


def median_ms(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median wall-clock milliseconds of a call, after warm-ups."""
    times = []
    for _ in range(WARM_UPS + repeats):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[WARM_UPS:])


class TimedRunner(WrappedRunner):
    """A runner that records how long each call takes."""

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self._milliseconds: dict[str, list[float]] = defaultdict(list)

    def start(self, picture: Floats) -> TimedPass:
        """See `stages.Runner`."""
        with self.time(self.stages[0].name):
            started = self.runner.start(picture)
        return TimedPass(self, started)

    def medians_ms(self) -> dict[str, float]:
        """Return the median milliseconds of each stage, after warm-ups."""
        return {stage: statistics.median(times[WARM_UPS:]) for stage, times in self._milliseconds.items()}

    @contextmanager
    def time(self, stage: str) -> Iterator[None]:
        """Measure the `with` block as a call of the stage."""
        start = time.perf_counter()
        yield
        self._milliseconds[stage].append((time.perf_counter() - start) * 1000)


class TimedPass(WrappedPass):
    """The run of one picture through a TimedRunner."""

    def __init__(self, runner: TimedRunner, started: Pass) -> None:
        super().__init__(started)
        self._runner = runner

    def head(self, name: str, *inputs: npt.NDArray) -> list[Floats]:
        """See `stages.Pass`."""
        with self._runner.time(name):
            return self.started.head(name, *inputs)
