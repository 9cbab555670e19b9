"""MaskRCNNLearner: a Mask R-CNN in training."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import keras
import numpy as np

from model.data.sample import DataSet
from model.families.mask_rcnn.batches import BatchSource
from model.families.mask_rcnn.network import MaskRCNN
from model.families.mask_rcnn.training_network import TrainingNetwork
from model.families.mask_rcnn.training_plan import LAYER_STAGES, InstancePlan
from model.families.mask_rcnn.validation import Validation
from model.families.mask_rcnn.weights import save_weights
from model.training.learner import Batch, Measured, Ranking
from model.training.plan import Optimization


class MaskRCNNLearner:
    """See `training.learner.Learner`. Only the layers of the plan's stage learn."""

    ranking = Ranking(("val_mAP", "-val_loss"), "mask AP (COCO)", ("val_mAP", "val_AP50"))

    def __init__(self, network: MaskRCNN, data: DataSet, plan: InstancePlan, validation: Validation) -> None:
        self.plan = plan
        config = network.config
        self.optimization = Optimization(
            config.learning_rate, config.learning_momentum, config.weight_decay, config.gradient_clip_norm
        )
        self._network = network
        self._data = data
        self._validation = validation
        choose_layers(network.layers, plan.layers)
        self.trainer = TrainingNetwork(network)

    @property
    def parts(self) -> int:
        """See `training.learner.Learner`."""
        return self._validation.parts

    def batches(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """See `training.learner.Learner`."""
        plan = self.plan
        source = BatchSource(
            self._data, self._network.config, plan.augmentation, plan.batch_size, plan.picture_size, plan.seed
        )
        return source.batches(first, last)

    def labels_in(self, batch: Batch) -> int:
        """See `training.learner.Learner`."""
        return int(np.count_nonzero(batch["class_ids"]))

    def measure(self, before_each: Callable[[], None]) -> Measured:
        """See `training.learner.Learner`."""
        return self._validation.measure(self.trainer, self._network, before_each)

    def save(self, path: Path) -> None:
        """See `training.learner.Learner`."""
        save_weights(self._network.layers, path)


def choose_layers(layers: Sequence[keras.Layer], stage: str) -> None:
    """Let only the layers of a stage learn."""
    for layer in layers:
        layer.trainable = re.fullmatch(LAYER_STAGES[stage], layer.name) is not None
