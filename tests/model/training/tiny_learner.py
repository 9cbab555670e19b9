"""A learner with eleven weights, so that the loop's own behaviour is seen in milliseconds a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from model.training.learner import Batch, Measured, Ranking
from model.training.plan import Optimization, Plan

TRUE_WEIGHTS = np.arange(1, 11, dtype=np.float32) / 10


class Trainer(keras.Model):
    """A linear layer with its squared error."""

    def __init__(self) -> None:
        super().__init__(name="tiny", dtype="float32")
        self.dense = keras.layers.Dense(1, name="dense")
        self.dense.build((None, len(TRUE_WEIGHTS)))
        self.average = keras.metrics.Mean("loss")
        self.built = True

    @property
    def metrics(self) -> list[keras.Metric]:
        return [self.average]

    def call(self, batch: Batch, training: bool = False) -> Any:
        return ops.mean((self.dense(batch["inputs"])[:, 0] - batch["targets"]) ** 2)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        self.average.update_state(y_pred)
        return y_pred


class TinyLearner:
    """See `training.learner.Learner`.

    Attributes:
        figures: val_score of each report, in order; empty: measured as the distance from the true weights.
        measured: the steps at which it was measured are as many.
    """

    ranking = Ranking(("val_score",), "score", ("val_score",))
    optimization = Optimization(0.05)
    parts = 1

    def __init__(self, plan: Plan, figures: list[float] | None = None) -> None:
        self.plan = plan
        self.trainer = Trainer()
        self.figures = figures or []
        self.measured = 0

    def batches(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        for step in range(first, last):
            inputs = np.random.default_rng((self.plan.seed, step)).normal(size=(self.plan.batch_size, 10))
            targets = inputs @ TRUE_WEIGHTS
            yield step, {"inputs": inputs.astype(np.float32), "targets": targets.astype(np.float32)}

    def labels_in(self, batch: Batch) -> int:
        return len(batch["targets"])

    def measure(self, before_each: Callable[[], None]) -> Measured:
        before_each()
        error = float(np.abs(self.weights - TRUE_WEIGHTS).mean())
        score = self.figures[self.measured] if self.figures else -error
        self.measured += 1
        return Measured({"val_loss": error, "val_score": score}, lambda path: path.write_bytes(b"") and None)

    def save(self, path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, self.weights)

    @property
    def weights(self) -> np.ndarray:
        return ops.convert_to_numpy(self.trainer.dense.kernel)[:, 0].copy()
