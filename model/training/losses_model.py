"""LossesModel: a Keras model whose outputs are its losses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras


class LossesModel(keras.Model):
    """Its `call` maps a batch to losses by name; what is minimised is their weighted sum, "loss".

    Its dtype is float32, so that batches are not cast to 16 bits; the networks in it have their own dtypes.

    Args:
        weights: of each loss in the sum.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        super().__init__(name="training", dtype="float32")
        self._weight_of = dict(weights)
        self.averages = {name: keras.metrics.Mean(name) for name in ("loss", *weights)}

    @property
    def metrics(self) -> list[keras.Metric]:
        return list(self.averages.values())

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """The weighted sum of the losses (called by Keras' own train step)."""
        total = sum(weight * y_pred[name] for name, weight in self._weight_of.items()) + self.penalty()
        for name, average in self.averages.items():
            average.update_state(total if name == "loss" else y_pred[name])
        return total

    def penalty(self) -> Any:
        """Added to the sum, such as a norm of the weights; here 0."""
        return 0.0
