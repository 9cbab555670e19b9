"""Detections: the box head's answers for all RoIs → the objects of one picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.mrcnn.boxes import Floats, apply_deltas, clip, non_maximum_suppression
from model.mrcnn.config import Config


@dataclass(frozen=True)
class Detections:
    """D objects of one picture, best score first.

    Attributes:
        boxes: float32 (D, 4), y1 x1 y2 x2, normalised to the picture that the network saw.
        class_ids: int32 (D,), never 0.
        scores: float32 (D,), 0 to 1.
    """

    boxes: Floats
    class_ids: npt.NDArray[np.int32]
    scores: Floats

    def __len__(self) -> int:
        return len(self.boxes)


def refine(
    rois: Floats, class_logits: Floats, deltas: Floats, window: Floats, config: Config
) -> Detections:
    """Choose each RoI's class, move its box, and drop background, weak scores and duplicates.

    Args:
        rois: (R, 4) normalised y1 x1 y2 x2.
        class_logits: (R, classes).
        deltas: (R, classes, 4) in units of `bbox_std_dev`.
        window: (4,) normalised y1 x1 y2 x2 of the picture without its padding.
        config: for the standard deviations, least confidence, NMS threshold a class, and most instances.

    As Matterport's `refine_detections_graph`, less its padding with zeros.
    """
    probabilities = _softmax(class_logits)
    class_ids = np.argmax(probabilities, axis=1).astype(np.int32)
    every = np.arange(len(rois))
    scores = probabilities[every, class_ids]
    std_dev = np.array(config.bbox_std_dev, np.float32)
    boxes = clip(apply_deltas(rois, deltas[every, class_ids] * std_dev), window)

    candidates = np.flatnonzero((class_ids > 0) & (scores >= config.detection_min_confidence))
    candidates = candidates[np.argsort(-scores[candidates], kind="stable")]
    kept = [np.zeros(0, np.int64)]
    for class_id in np.unique(class_ids[candidates]):
        of_class = candidates[class_ids[candidates] == class_id]
        unsuppressed = non_maximum_suppression(
            boxes[of_class], config.detection_nms_threshold, config.detection_max_instances
        )
        kept.append(of_class[unsuppressed])
    best = np.concatenate(kept)
    best = best[np.argsort(-scores[best], kind="stable")][: config.detection_max_instances]
    return Detections(boxes[best], class_ids[best], scores[best])


def _softmax(logits: Floats) -> Floats:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return exponentials / exponentials.sum(axis=1, keepdims=True)
