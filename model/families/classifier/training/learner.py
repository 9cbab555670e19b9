"""ClassifierLearner: a classifier in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from keras import ops

from model.data.classified import ClassifiedFolder
from model.families.classifier.network import ClassifierNetwork
from model.families.classifier.training.batches import BatchSource
from model.families.classifier.training.plan import ClassifyPlan
from model.families.classifier.training.pruning import Pruning
from model.families.classifier.training.validation import Validation
from model.families.classifier.weights import save_weights
from model.training.learner import Batch, Measured, Ranking
from model.training.losses_model import LossesModel


class TrainingNetwork(LossesModel):
    """A classifier whose outputs are its cross-entropy on a `BatchSource` batch, and its logits."""

    def __init__(self, network: ClassifierNetwork, plan: ClassifyPlan, pruning: Pruning) -> None:
        super().__init__({"cross_entropy_loss": 1.0})
        self.model = network.model
        self.masks = pruning.masks  # tracked, so that they are in checkpoints
        self._smoothing = plan.label_smoothing
        self.built = True  # its parts are

    def call(self, batch: Batch, training: bool = False) -> dict[str, Any]:
        logits = self.model(batch["picture"], training=training)
        classes = logits.shape[-1]
        truth = ops.one_hot(batch["class_id"], classes, dtype="float32")
        truth = (1 - self._smoothing) * truth + self._smoothing / classes
        each = ops.categorical_crossentropy(truth, logits, from_logits=True)
        return {"cross_entropy_loss": ops.mean(batch["weight"] * each), "logits": logits}


class ClassifierLearner:
    """See `training.learner.Learner`."""

    ranking = Ranking(("val_accuracy", "-val_loss"), "accuracy and recall", ("val_accuracy",))

    def __init__(
        self, network: ClassifierNetwork, data: ClassifiedFolder, plan: ClassifyPlan, validation: Validation
    ) -> None:
        self.plan = plan
        self.optimization = plan.optimization
        self._network = network
        self._data = data
        self._validation = validation
        for layer in network.base[: frozen_layers(len(network.base), plan)]:
            layer.trainable = False
        self._pruning = Pruning(network.base, plan)
        self.trainer = TrainingNetwork(network, plan, self._pruning)

    @property
    def parts(self) -> int:
        """See `training.learner.Learner`."""
        return self._validation.parts

    def batches(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """See `training.learner.Learner`."""
        for step, batch in BatchSource(self._data, self._network.config, self.plan).batches(first, last):
            # Before the step, and not after it: a run that continues does the same with the same weights.
            self._pruning.advance(step)
            yield step, batch

    def labels_in(self, batch: Batch) -> int:
        """See `training.learner.Learner`."""
        return len(batch["class_id"])

    def measure(self, before_each: Callable[[], None]) -> Measured:
        """See `training.learner.Learner`."""
        self._pruning.apply()
        return self._validation.measure(self.trainer, self._network.config, before_each)

    def save(self, path: Path) -> None:
        """See `training.learner.Learner`."""
        self._pruning.apply()
        save_weights([layer for layer in self._network.model.layers if layer.weights], path)


def frozen_layers(count: int, plan: ClassifyPlan) -> int:
    """How many of so many layers keep their weights."""
    return round(plan.freeze * count)
