"""The stages of a Mask R-CNN as engines compile and run them, RoIs sampled on the host."""

from __future__ import annotations

import numpy.typing as npt

from model.engines.stages import Pass, Runner, StageSpec
from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.inference import Features
from model.families.mask_rcnn.sampling import sampling_points

TRUNK, BOX_HEAD, MASK_HEAD = "trunk", "box_head", "mask_head"
ROI_ALIGN = (".*roi_align.*",)
"""It only moves and averages features: there is nothing to win in int8."""
STAGES = (
    StageSpec(TRUNK, inputs=1, exact=ROI_ALIGN),
    StageSpec(BOX_HEAD, inputs=3, items_a_call=(256, 192, 128, 64), exact=ROI_ALIGN),
    StageSpec(MASK_HEAD, inputs=4, items_a_call=(64, 32, 16, 8), exact=ROI_ALIGN),
)


class EngineStages:
    """`inference.Stages` over an engine."""

    def __init__(self, runner: Runner, config: Config) -> None:
        self.few_shapes = runner.few_shapes
        self._runner = runner
        self._config = config

    def trunk(self, picture: Floats) -> tuple[Features, Floats, Floats]:
        """See `inference.Stages`."""
        started = self._runner.start(picture)
        objectness, deltas = started.outputs
        return Features(started, picture.shape[1:3]), objectness, deltas

    def box_head(self, features: Features, rois: Floats) -> tuple[Floats, Floats]:
        """See `inference.Stages`."""
        started: Pass = features.cells
        points = sampling_points(rois, features.picture_shape, self._config.pool_size)
        logits, deltas = started.head(BOX_HEAD, *points)
        return logits, deltas

    def mask_head(self, features: Features, rois: Floats, class_ids: npt.NDArray) -> Floats:
        """See `inference.Stages`."""
        started: Pass = features.cells
        points = sampling_points(rois, features.picture_shape, self._config.mask_pool_size)
        (masks,) = started.head(MASK_HEAD, *points, class_ids)
        return masks
