"""Validation: evaluates a network in training on pictures that it does not learn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.sample import DataSet
from model.data.subset import Subset, evenly_spaced
from model.evaluation.coco_map import UNSURE
from model.evaluation.evaluate import evaluate
from model.evaluation.result import Evaluation
from model.evaluation.sheet import worst_sheet
from model.families.mask_rcnn.augmentation import UNCHANGED
from model.families.mask_rcnn.batches import BatchSource
from model.families.mask_rcnn.inference import find_segments
from model.families.mask_rcnn.network import MaskRCNN
from model.families.mask_rcnn.training_network import TrainingNetwork
from model.families.mask_rcnn.training_plan import InstancePlan
from model.results.segments import Segments
from model.training.learner import Measured

PICTURES_SHOWN = 8


class Validation:
    """Evaluates a network in training, on the same pictures each time.

    Args:
        data: the pictures.
        plan: of the training.
        pictures: the most pictures to use; they are evenly spaced.
        held_out: whether the network does not learn from them; if it does, a few are shown, none measured.
    """

    def __init__(
        self, data: DataSet, plan: InstancePlan, *, pictures: int = 50, held_out: bool = True
    ) -> None:
        self.data = evenly_spaced(data, pictures if held_out else PICTURES_SHOWN)
        self.held_out = held_out
        self._plan = plan

    @property
    def parts(self) -> int:
        """The number of times that `before_each` is called."""
        return len(self.data) + (-(-len(self.data) // self._plan.batch_size) if self.held_out else 0)

    def measure(
        self, trainer: TrainingNetwork, network: MaskRCNN, before_each: Callable[[], None]
    ) -> Measured:
        """Evaluate the network as it is; `before_each` runs before each picture and batch and may raise.

        The figures are "val_loss", its parts, "val_mAP" and "val_AP50" (COCO's, of masks, 0 to 1, if there
        are objects); there are none if the network learns from the pictures.
        """
        config = network.config
        unsure = dataclasses.replace(
            config, detection_min_confidence=min(UNSURE, config.detection_min_confidence)
        )

        def predict(image: npt.NDArray[np.uint8]) -> Segments:
            before_each()
            return find_segments(network, image, unsure).segments

        losses = self._losses(trainer, before_each) if self.held_out else {}
        result = evaluate(predict, self.data, threshold=config.detection_min_confidence, progress=False)
        shown = np.linspace(0, len(self.data) - 1, min(PICTURES_SHOWN, len(self.data))).round().astype(int)
        evaluation = dataclasses.replace(result, images=[result.images[index] for index in shown])
        pictures = Subset(self.data, shown.tolist())
        return Measured(
            {**losses, **_coco(result)} if self.held_out else {},
            lambda path: worst_sheet(evaluation, pictures, path, count=len(pictures)),
        )

    def _losses(self, trainer: TrainingNetwork, before_each: Callable[[], None]) -> dict[str, float]:
        """The mean losses of a part of each picture, the same part each time."""
        plan = self._plan
        source = BatchSource(
            self.data, trainer.config, UNCHANGED, plan.batch_size, plan.picture_size, plan.seed
        )
        trainer.reset_metrics()
        answer: dict[str, Any] = {}
        for batch in source.in_order():
            before_each()
            answer = trainer.test_on_batch(batch, return_dict=True)
        return {f"val_{name}": float(value) for name, value in answer.items()}


def _coco(result: Evaluation) -> dict[str, float]:
    figures = result.coco["mask"]
    return {f"val_{name}": value for name in ("mAP", "AP50") if (value := figures[name]) is not None}
