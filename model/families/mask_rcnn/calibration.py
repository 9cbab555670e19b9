"""Calibration: what each stage of a Mask R-CNN sees of a picture, for int8 to be made from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.engines.stages import Runner
from model.families.mask_rcnn.anchors import pyramid_anchors
from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.detections import refine
from model.families.mask_rcnn.inference import Features
from model.families.mask_rcnn.molding import mold
from model.families.mask_rcnn.proposals import propose
from model.families.mask_rcnn.sampling import sampling_points
from model.families.mask_rcnn.stages import BOX_HEAD, TRUNK, EngineStages

ROIS_OF_A_PICTURE = 256
"""That the box head is calibrated with: the best proposals, among which the objects are."""


class StageInputs:
    """What reaches the stages, as the reference has it."""

    def __init__(self, reference: Runner, config: Config) -> None:
        self.stages = EngineStages(reference, config)
        self.config = config

    def __call__(self, stage: str, image: npt.NDArray[np.uint8]) -> list[npt.NDArray] | None:
        """What reaches the stage for an RGB image (H, W, 3); None: nothing."""
        molded = mold(image, self.config)
        if stage == TRUNK:
            return [molded.picture]
        features, objectness, deltas = self.stages.trunk(molded.picture)
        anchors = pyramid_anchors(self.config, *molded.shape)
        rois = propose(objectness[0], deltas[0], anchors, self.config, ROIS_OF_A_PICTURE)
        if stage == BOX_HEAD:
            return self._of_rois(features, rois, self.config.pool_size)
        logits, box_deltas = self.stages.box_head(features, rois[None])
        found = refine(rois, logits[0], box_deltas[0], molded.normalized_window, self.config)
        if not len(found):
            return None
        inputs = self._of_rois(features, found.boxes, self.config.mask_pool_size)
        return [*inputs, found.class_ids[None]]

    def _of_rois(self, features: Features, rois: Floats, size: int) -> list[npt.NDArray]:
        return [features.cells.kept(), *sampling_points(rois[None], features.picture_shape, size)]
