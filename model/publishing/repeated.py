"""Repeated: a network that is asked again about a picture, whose first stage need not run again."""

from __future__ import annotations

import numpy as np

from model.engines.stages import Floats, Pass, Runner


class RepeatedRunner:
    """`stages.Runner` over another one, which remembers the last picture's way through the first stage."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.stages = runner.stages
        self.name = runner.name
        self.precision = runner.precision
        self.few_shapes = runner.few_shapes
        self._last: tuple[Floats, Pass] | None = None

    def start(self, picture: Floats) -> Pass:
        """See `stages.Runner`."""
        if self._last is not None and np.array_equal(self._last[0], picture):
            return self._last[1]
        self._last = None  # what it holds is free for this picture
        started = self.runner.start(picture)
        self._last = picture.copy(), started
        return started
