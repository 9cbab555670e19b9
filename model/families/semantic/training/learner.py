"""SemanticLearner: a U-Net in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from model.families.semantic.training.batches import BatchSource
from model.families.semantic.training.network import SemanticTrainer
from model.families.semantic.training.plan import SemanticPlan
from model.families.semantic.training.validation import Validation
from model.families.semantic.training.weights import save_weights
from model.training.learner import Batch, Measured, Ranking
from model.training.plan import Optimization


class SemanticLearner:
    """See `training.learner.Learner`.

    Args:
        network: learns.
        trainer: the same with its losses.
        source: of training pictures.
        plan: of the training.
        validation: evaluates the network.
        config: of the network, for the files of weights.
    """

    ranking = Ranking(("val_IoU", "-val_loss"), "IoU, right pixels", ("val_IoU", "val_pixel_accuracy"))

    def __init__(
        self,
        network: keras.Model,
        trainer: SemanticTrainer,
        source: BatchSource,
        plan: SemanticPlan,
        validation: Validation,
        config: Mapping[str, Any],
    ) -> None:
        self.plan = plan
        self.trainer = trainer
        self.optimization = Optimization(plan.learning_rate, plan.momentum, plan.weight_decay, plan.clip_norm)
        self._network = network
        self._source = source
        self._validation = validation
        self._config = config

    @property
    def parts(self) -> int:
        """See `training.learner.Learner`."""
        return self._validation.parts

    def batches(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """See `training.learner.Learner`."""
        return self._source.batches(first, last)

    def labels_in(self, batch: Batch) -> int:
        """See `training.learner.Learner`. Counts pixels of classes, without the background."""
        return int(np.count_nonzero(batch["truth"] > 0))

    def measure(self, before_each: Callable[[], None]) -> Measured:
        """See `training.learner.Learner`."""
        return self._validation.measure(self.trainer, self._network, before_each)

    def save(self, path: Path) -> None:
        """See `training.learner.Learner`."""
        save_weights(self._network, path, self._config, self._source.data.classes)
