"""Proposals: the RPN's answers for all anchors → the few RoIs that the heads look at."""

from __future__ import annotations

import numpy as np

from model.mrcnn.boxes import Floats, apply_deltas, clip, non_maximum_suppression
from model.mrcnn.config import Config

WHOLE_PICTURE = np.array([0, 0, 1, 1], np.float32)


def propose(objectness: Floats, deltas: Floats, anchors: Floats, config: Config, limit: int) -> Floats:
    """float32 (R, 4), R ≤ limit: normalised y1 x1 y2 x2 of one picture's proposals, best first.

    Args:
        objectness: (A,) logits.
        deltas: (A, 4) in units of `rpn_bbox_std_dev`.
        anchors: (A, 4) normalised y1 x1 y2 x2.
        config: for the standard deviations, the limit before NMS and its threshold.
        limit: most proposals to return.

    As Matterport's `ProposalLayer`, less its padding with zeros.
    """
    best = _best_first(objectness, config.pre_nms_limit)
    boxes = apply_deltas(anchors[best], deltas[best] * np.array(config.rpn_bbox_std_dev, np.float32))
    boxes = clip(boxes, WHOLE_PICTURE)
    kept = non_maximum_suppression(boxes, config.rpn_nms_threshold, limit)
    return boxes[kept]


def _best_first(scores: Floats, limit: int) -> np.ndarray:
    """Indices of the `limit` highest scores, ties by position; sorts only what it returns."""
    if len(scores) > limit:
        candidates = np.sort(np.argpartition(-scores, limit - 1)[:limit])
    else:
        candidates = np.arange(len(scores))
    return candidates[np.argsort(-scores[candidates], kind="stable")]
