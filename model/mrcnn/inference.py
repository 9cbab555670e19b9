"""Inference: one picture through the three stages, with a little NumPy between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from model.mrcnn.anchors import pyramid_anchors
from model.mrcnn.boxes import Floats
from model.mrcnn.config import Config
from model.mrcnn.detections import Detections, refine
from model.mrcnn.molding import Molded
from model.mrcnn.proposals import propose

import numpy as np


class Stages(Protocol):
    """The network as an engine runs it; features stay in whatever form the engine keeps them."""

    def trunk(self, picture: Floats) -> tuple[Sequence[Any], Floats, Floats]:
        """(1, H, W, 3) → features P2…P5, objectness logits (1, A), deltas (1, A, 4)."""

    def box_head(self, features: Sequence[Any], rois: Floats) -> tuple[Floats, Floats]:
        """Features and RoIs (1, R, 4) → class logits (1, R, classes), deltas (1, R, classes, 4)."""

    def mask_head(self, features: Sequence[Any], rois: Floats, class_ids: np.ndarray) -> Floats:
        """Features, RoIs (1, D, 4) and int32 (1, D) → mask probabilities (1, D, 28, 28)."""


def infer(stages: Stages, molded: Molded, config: Config) -> tuple[Detections, Floats]:
    """The objects of one picture and their mask probabilities float32 (D, 28, 28)."""
    features, objectness, deltas = stages.trunk(molded.picture)
    anchors = pyramid_anchors(config, *molded.shape)
    rois = propose(objectness[0], deltas[0], anchors, config, config.post_nms_rois_inference)
    logits, box_deltas = stages.box_head(features, rois[None])
    detections = refine(rois, logits[0], box_deltas[0], molded.normalized_window, config)
    if not len(detections):
        return detections, np.zeros((0, *config.mask_shape), np.float32)
    masks = stages.mask_head(features, detections.boxes[None], detections.class_ids[None])
    return detections, masks[0]
