"""Finite: a network in whose answers no value may be NaN or infinite, as those of broken weights are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.engines.stages import Floats, Pass, Runner
from model.storage.manifest import BundleError


class NotFinite(BundleError):
    """A network that answers with values that are no numbers: it finds nothing, or anything, for ever."""


class FiniteRunner:
    """`stages.Runner` over another one, which raises NotFinite where a stage answers with such values."""

    def __init__(self, model: str, runner: Runner) -> None:
        """The model's name, for messages, and what runs it."""
        self.runner = runner
        self.stages = runner.stages
        self.name = runner.name
        self.precision = runner.precision
        self.few_shapes = runner.few_shapes
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
                f"model {self._model} cannot be right: {share:.1%} of the values that its {stage} gives in "
                f"{self.precision} ({self.name}) are not finite (NaN or infinite). Its weights are damaged, "
                "or its training diverged: look at the loss in its log, and take an earlier checkpoint"
            )


class FinitePass:
    """One picture's way through a FiniteRunner."""

    def __init__(self, runner: FiniteRunner, started: Pass) -> None:
        self.outputs = started.outputs
        self.kept = started.kept
        self._runner = runner
        self._started = started
        runner.check(runner.stages[0].name, self.outputs)

    def head(self, name: str, *inputs: npt.NDArray) -> list[Floats]:
        """See `stages.Pass`."""
        outputs = self._started.head(name, *inputs)
        self._runner.check(name, outputs)
        return outputs
