"""Validation: evaluates a classifier in training on pictures that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from keras import ops

from model.data.classified import ClassifiedFolder
from model.families.classifier.config import ClassifierConfig
from model.families.classifier.training.batches import unchanged
from model.families.classifier.training.panel import draw_panel
from model.training.learner import VALIDATION, Measured

SHOWN_A_CLASS = 4
"""Pictures of each class that are shown if the network learns from them."""


class Validation:
    """Evaluates a classifier in training, on the same pictures each time.

    Args:
        data: the pictures.
        batch_size: how many go through the network at once.
        pictures: the most pictures of each class to use; they are evenly spaced.
        held_out: whether the network does not learn from them; if it does, a few are shown, none measured.
    """

    def __init__(
        self, data: ClassifiedFolder, batch_size: int, *, pictures: int = 50, held_out: bool = True
    ) -> None:
        self._data = data
        self._batch_size = batch_size
        self._held_out = held_out
        self._indices = _spread(data.class_ids, pictures if held_out else SHOWN_A_CLASS)

    @property
    def parts(self) -> int:
        """The number of times that `before_each` is called."""
        return -(-len(self._indices) // self._batch_size)

    def measure(self, trainer: Any, config: ClassifierConfig, before_each: Callable[[], None]) -> Measured:
        """Evaluate the network as it is; `before_each` runs before each batch and may raise.

        The figures are "val_loss", without label smoothing, "val_accuracy" and "val_recall_NAME" of each
        class that occurs; there are none if the network learns from the pictures.
        """
        logits = np.concatenate(list(self._logits(trainer, config, before_each)))
        truth = np.array([self._data.class_ids[index] for index in self._indices])
        found = logits.argmax(axis=1)
        figures = figures_of(logits, truth, self._data.classes) if self._held_out else {}
        return Measured(figures, partial(draw_panel, self._data, self._indices, found))

    def _logits(
        self, trainer: Any, config: ClassifierConfig, before_each: Callable[[], None]
    ) -> Iterator[npt.NDArray[np.float32]]:
        """Yield float32 (B, K) of each batch; the first pictures again fill the last one."""
        for first in range(0, len(self._indices), self._batch_size):
            before_each()
            places = np.arange(first, first + self._batch_size)
            indices = [self._indices[place % len(self._indices)] for place in places]
            batch = unchanged([self._data[index] for index in indices], config)
            logits = ops.convert_to_numpy(trainer.predict_on_batch(batch)["logits"])
            yield logits[: np.count_nonzero(places < len(self._indices))]


def figures_of(
    logits: npt.NDArray[np.float32], truth: npt.NDArray[np.integer], classes: Sequence[str]
) -> dict[str, float]:
    """Loss, accuracy and recalls for logits (N, K) and true class ids (N,)."""
    largest = logits.max(axis=1)
    total = largest + np.log(np.exp(logits - largest[:, np.newaxis]).sum(axis=1))
    right = logits.argmax(axis=1) == truth
    figures = {
        "loss": float((total - logits[np.arange(len(truth)), truth]).mean()),
        "accuracy": float(right.mean()),
    }
    for class_id, name in enumerate(classes):
        if (truth == class_id).any():
            figures[f"recall_{name}"] = float(right[truth == class_id].mean())
    return {f"{VALIDATION}{name}": value for name, value in figures.items()}


def _spread(class_ids: Sequence[int], most: int) -> list[int]:
    """The indices of at most so many pictures of each class, evenly spaced."""
    chosen: list[int] = []
    for class_id in sorted(set(class_ids)):
        indices = np.flatnonzero(np.array(class_ids) == class_id)
        places = np.linspace(0, len(indices) - 1, min(most, len(indices))).round().astype(int)
        chosen += indices[places].tolist()
    return chosen
