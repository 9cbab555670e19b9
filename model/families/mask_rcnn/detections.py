"""Detections: the box head's outputs for all RoIs → the objects of one picture."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.boxes import Floats, apply_deltas, clip, non_maximum_suppression
from model.families.mask_rcnn.config import Config


@dataclass(frozen=True)
class Detections:
    """D objects of one picture, best score first.

    Attributes:
        boxes: float32 (D, 4), y1 x1 y2 x2, normalised to the picture that the network saw.
        class_ids: int32 (D,), never 0.
        scores: float32 (D,), 0 to 1.
        left_out: the number of further objects, beyond `detection_max_instances`.
    """

    boxes: Floats
    class_ids: npt.NDArray[np.int32]
    scores: Floats
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.boxes)

    @classmethod
    def none(cls) -> Detections:
        """The detections of a picture without objects."""
        return cls(np.zeros((0, 4), np.float32), np.zeros(0, np.int32), np.zeros(0, np.float32))


def refine(
    rois: Floats,
    class_logits: Floats,
    deltas: Floats,
    window: Floats,
    config: Config,
    class_ids: Collection[int] | None = None,
) -> Detections:
    """Choose each RoI's class, move its box, and drop background, weak scores and duplicates.

    Args:
        rois: (R, 4) normalised y1 x1 y2 x2.
        class_logits: (R, classes).
        deltas: (R, classes, 4) in units of `bbox_std_dev`.
        window: (4,) normalised y1 x1 y2 x2 of the picture without its padding.
        config: gives the standard deviations, least confidence, NMS threshold within a class, and the most
            instances.
        class_ids: keep only these; None: all but background.

    Does what Matterport's `refine_detections_graph` does, without its padding with zeros.
    """
    probabilities = _softmax(class_logits)
    best_class = np.argmax(probabilities, axis=1).astype(np.int32)
    every = np.arange(len(rois))
    scores = probabilities[every, best_class]
    std_dev = np.array(config.bbox_std_dev, np.float32)
    boxes = clip(apply_deltas(rois, deltas[every, best_class] * std_dev), window)

    wanted = best_class > 0
    if class_ids is not None:
        wanted &= np.isin(best_class, list(class_ids))
    candidates = np.flatnonzero(wanted & (scores >= config.detection_min_confidence))
    candidates = candidates[np.argsort(-scores[candidates], kind="stable")]
    kept = [np.zeros(0, np.int64)]
    for class_id in np.unique(best_class[candidates]):
        of_class = candidates[best_class[candidates] == class_id]
        unsuppressed = non_maximum_suppression(boxes[of_class], config.detection_nms_threshold, len(of_class))
        kept.append(of_class[unsuppressed])
    found = np.concatenate(kept)
    best = found[np.argsort(-scores[found], kind="stable")][: config.detection_max_instances]
    return Detections(boxes[best], best_class[best], scores[best], len(found) - len(best))


def _softmax(logits: Floats) -> Floats:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
