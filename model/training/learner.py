"""Learner: a network in training, as a family gives it to the loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy.typing as npt

from model.training.plan import Optimization, Plan

if TYPE_CHECKING:
    import keras

Batch = Mapping[str, npt.NDArray]
"""The arrays of one training step by name; the first axis of each counts the pictures."""

VALIDATION = "val_"
"""Prefix of the names of figures measured on validation data."""


@dataclass(frozen=True)
class Measured:
    """The result of evaluating a network in training.

    Attributes:
        figures: by name, which begins with "val_"; empty if the network learns from the pictures.
        draw: draws predictions beside the truth to a PNG.
    """

    figures: Mapping[str, float]
    draw: Callable[[Path], None]


@dataclass(frozen=True)
class Ranking:
    """Which of two reports is better.

    Attributes:
        figures: names of measured figures, the most important first; the next decides if they are equal. A
            minus before a name: the lower, the better.
        label: the axis of the figures of which more is better, on the plot of a run.
        plotted: names of the figures on that plot.
    """

    figures: Sequence[str]
    label: str
    plotted: Sequence[str]


class Learner(Protocol):
    """A network in training.

    Attributes:
        plan: how it is trained.
        optimization: what its optimizer is set to.
        trainer: called with a batch, it computes its losses, and `compute_loss` their weighted sum. Its
            metrics are "loss" and the losses that it is made of.
        ranking: which of two reports is better.
        parts: how many times `measure` calls `before_each`.
    """

    @property
    def plan(self) -> Plan: ...

    @property
    def optimization(self) -> Optimization: ...

    @property
    def trainer(self) -> keras.Model: ...

    @property
    def ranking(self) -> Ranking: ...

    @property
    def parts(self) -> int: ...

    def batches(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """Yield (step, batch) for first ≤ step < last; a batch depends only on the seed and the step."""

    def labels_in(self, batch: Batch) -> int:
        """The number of labels in a batch that there is something to learn from, such as its objects."""

    def measure(self, before_each: Callable[[], None]) -> Measured:
        """Evaluate the network as it is; `before_each` runs before each picture or batch and may raise."""

    def save(self, path: Path) -> None:
        """Write the network's weights."""
