"""Targets: the correct outputs of the RPN and the heads, given the ground truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.boxes import Floats, deltas_between, iou
from model.families.mask_rcnn.config import Config

POSITIVE, NEUTRAL, NEGATIVE = 1, 0, -1
RPN_POSITIVE_IOU, RPN_NEGATIVE_IOU = 0.7, 0.3  # Faster R-CNN, section 3.1.2
ROI_POSITIVE_IOU = 0.5
PADDING_CLASS = -1
"""The class id of slots without a RoI; the losses ignore them."""


@dataclass(frozen=True)
class Truth:
    """The N objects of one training picture.

    Attributes:
        boxes: float32 (N, 4), normalised y1 x1 y2 x2.
        class_ids: int32 (N,), 1 and up.
        mini_masks: uint8 (N, 56, 56) of 0 and 1: each object's mask, stretched from its box to that size.
        crowd_boxes: float32 (M, 4), normalised y1 x1 y2 x2: groups of objects not annotated individually.
            Boxes that touch one are not background.
    """

    boxes: Floats
    class_ids: npt.NDArray[np.int32]
    mini_masks: npt.NDArray[np.uint8]
    crowd_boxes: Floats = field(default_factory=lambda: np.zeros((0, 4), np.float32))


@dataclass(frozen=True)
class RoITargets:
    """R = `train_rois_per_image` slots: positives first, then background, then padding.

    Attributes:
        rois: float32 (R, 4), normalised y1 x1 y2 x2.
        class_ids: int32 (R,): the object's class, 0 for background, -1 for padding.
        deltas: float32 (R, 4) in units of `bbox_std_dev`, zero but for positives.
        masks: float32 (P, 28, 28) of 0 and 1 for the first P = `positive_rois_per_image` slots.
    """

    rois: Floats
    class_ids: npt.NDArray[np.int32]
    deltas: Floats
    masks: Floats


def rpn_targets(
    anchors: Floats, truth: Truth, config: Config, rng: np.random.Generator
) -> tuple[npt.NDArray[np.int32], Floats]:
    """Match anchors to objects (Matterport `build_rpn_targets`).

    Returns:
        int32 (A,): 1 object, -1 background, 0 not used. At most `rpn_train_anchors_per_image` anchors are
        used, at most half of them as objects. And float32 (A, 4): for the objects' anchors, the deltas in
        units of `rpn_bbox_std_dev`.
    """
    match = np.where(_touches(anchors, truth.crowd_boxes), NEUTRAL, NEGATIVE).astype(np.int32)
    deltas = np.zeros((len(anchors), 4), np.float32)
    half = config.rpn_train_anchors_per_image // 2
    if len(truth.boxes):
        overlaps = iou(anchors, truth.boxes)
        nearest = overlaps.argmax(axis=1)
        best = overlaps[np.arange(len(anchors)), nearest]
        match[best >= RPN_NEGATIVE_IOU] = NEUTRAL
        # Every object gets its best anchors, even if they overlap it only a little.
        of_object = overlaps.max(axis=0)
        rows, columns = np.nonzero((overlaps == of_object) & (of_object > 0))
        match[rows], nearest[rows] = POSITIVE, columns
        match[best >= RPN_POSITIVE_IOU] = POSITIVE
        _keep_only(match, POSITIVE, half, rng)
        positive = np.flatnonzero(match == POSITIVE)
        deltas[positive] = deltas_between(anchors[positive], truth.boxes[nearest[positive]])
        deltas[positive] /= np.array(config.rpn_bbox_std_dev, np.float32)
    used = int((match == POSITIVE).sum())
    _keep_only(match, NEGATIVE, config.rpn_train_anchors_per_image - used, rng)
    return match, deltas


def roi_targets(proposals: Floats, truth: Truth, config: Config, rng: np.random.Generator) -> RoITargets:
    """Choose RoIs to train the heads on, with the targets of each (Matterport `DetectionTargetLayer`).

    Unlike in Matterport, the objects' own boxes are proposals too, so that the heads can learn before the
    RPN finds objects (as in Detectron and torchvision).
    """
    count, positives_wanted = config.train_rois_per_image, config.positive_rois_per_image
    result = RoITargets(
        rois=np.zeros((count, 4), np.float32),
        class_ids=np.full(count, PADDING_CLASS, np.int32),
        deltas=np.zeros((count, 4), np.float32),
        masks=np.zeros((positives_wanted, *config.mask_shape), np.float32),
    )
    proposals = np.concatenate([truth.boxes, proposals])
    proposals = proposals[(proposals[:, 2] > proposals[:, 0]) & (proposals[:, 3] > proposals[:, 1])]
    overlaps = iou(proposals, truth.boxes)
    best = overlaps.max(axis=1, initial=0.0)
    positive = _some_of(np.flatnonzero(best >= ROI_POSITIVE_IOU), positives_wanted, rng)
    background = (best < ROI_POSITIVE_IOU) & ~_touches(proposals, truth.crowd_boxes)
    negative = _some_of(np.flatnonzero(background), count - len(positive), rng)

    if len(positive):
        objects = overlaps[positive].argmax(axis=1)
        here = slice(0, len(positive))
        result.rois[here] = proposals[positive]
        result.class_ids[here] = truth.class_ids[objects]
        deltas = deltas_between(proposals[positive], truth.boxes[objects])
        result.deltas[here] = deltas / np.array(config.bbox_std_dev, np.float32)
        for slot, (roi, index) in enumerate(zip(proposals[positive], objects, strict=True)):
            result.masks[slot] = _mask_in_roi(
                truth.mini_masks[index], truth.boxes[index], roi, config.mask_shape
            )
    here = slice(len(positive), len(positive) + len(negative))
    result.rois[here] = proposals[negative]
    result.class_ids[here] = 0
    return result


def _touches(boxes: Floats, crowd_boxes: Floats) -> npt.NDArray[np.bool_]:
    """Bool (A,): whether each of A boxes shares any area with a crowd.

    Matterport requires an IoU of 0.001, which a small box in the middle of a large crowd does not reach.
    """
    return iou(boxes, crowd_boxes).max(axis=1, initial=0.0) > 0


def _mask_in_roi(
    mini_mask: npt.NDArray[np.uint8], box: Floats, roi: Floats, shape: tuple[int, int]
) -> Floats:
    """The object's mask seen through the RoI: sampled at the centres of the RoI's cells, 0 outside its box.

    Cell centres, because `masks.paste` also places the predicted mask by cell centres.
    """
    rows, columns = shape
    y = roi[0] + (np.arange(rows, dtype=np.float32) + 0.5) * (roi[2] - roi[0]) / rows
    x = roi[1] + (np.arange(columns, dtype=np.float32) + 0.5) * (roi[3] - roi[1]) / columns
    mini_rows, mini_columns = mini_mask.shape
    y = (y - box[0]) / (box[2] - box[0]) * mini_rows - 0.5
    x = (x - box[1]) / (box[3] - box[1]) * mini_columns - 0.5
    map_x, map_y = np.meshgrid(x.astype(np.float32), y.astype(np.float32))
    sampled = cv2.remap(
        mini_mask.astype(np.float32),
        map_x,
        map_y,
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    return (sampled >= 0.5).astype(np.float32)


def _keep_only(match: npt.NDArray[np.int32], value: int, limit: int, rng: np.random.Generator) -> None:
    """Set all but `limit` random entries with `value` to neutral."""
    found = np.flatnonzero(match == value)
    if len(found) > limit:
        match[rng.choice(found, len(found) - limit, replace=False)] = NEUTRAL


def _some_of(indices: npt.NDArray[np.int64], limit: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    return indices if len(indices) <= limit else rng.choice(indices, limit, replace=False)
