"""Finite: checks that no output of a network is NaN or infinite, as with broken weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.engines.stages import Floats, Pass, Runner
from model.engines.wrapping import WrappedPass, WrappedRunner
from model.storage.manifest import BundleError


class NotFinite(BundleError):
    """The network returns NaN or infinite values, so that its results are always empty or arbitrary."""


class FiniteRunner(WrappedRunner):
    """A `stages.Runner` that wraps another one and raises NotFinite if a stage returns such values."""

    def __init__(self, model: str, runner: Runner) -> None:
        """Take the model's name, for messages, and its runner."""
        super().__init__(runner)
        self._model = model

    def start(self, picture: Floats) -> FinitePass:
        """See `stages.Runner`."""
        return FinitePass(self, self.runner.start(picture))

    def check(self, stage: str, outputs: Sequence[Floats]) -> None:
        """Raise NotFinite unless all values are finite."""
        wrong = sum(array.size - int(np.isfinite(array).sum()) for array in outputs)
        if wrong:
            share = wrong / sum(array.size for array in outputs)
            raise NotFinite(
                f"model {self._model} is broken: {share:.1%} of the values that its {stage} gives in "
                f"{self.precision} ({self.name}) are not finite (NaN or infinite). Its weights are damaged, "
                "or its training diverged: check the loss in its log, and use an earlier checkpoint"
            )


class FinitePass(WrappedPass):
    """The run of one picture through a FiniteRunner."""

    def __init__(self, runner: FiniteRunner, started: Pass) -> None:
        super().__init__(started)
        self._runner = runner
        runner.check(runner.stages[0].name, self.outputs)

    def head(self, name: str, *inputs: npt.NDArray) -> list[Floats]:
        """See `stages.Pass`."""
        outputs = self.started.head(name, *inputs)
        self._runner.check(name, outputs)
        return outputs
