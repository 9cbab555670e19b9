"""Boxes and anchors. Boxes are y1 x1 y2 x2 in pixels, half-open, unless a function says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn import boxes as arithmetic
from model.families.mask_rcnn.anchors import level_anchors

Floats = npt.NDArray[np.float32]


def extract_bboxes(mask: npt.NDArray) -> npt.NDArray[np.int32]:
    """int32 (N, 4): the box of each mask of (H, W, N); zeros for an empty mask."""
    present = mask != 0
    ends = []
    for along in (present.any(axis=1), present.any(axis=0)):  # (H, N): the rows; (W, N): the columns
        ends += [along.argmax(axis=0), len(along) - along[::-1].argmax(axis=0)]
    y1, y2, x1, x2 = ends
    boxes = np.stack([y1, x1, y2, x2], axis=1).astype(np.int32)
    return np.where(present.any(axis=(0, 1))[:, None], boxes, np.int32(0))


def compute_iou(
    box: npt.NDArray, boxes: npt.NDArray, box_area: float, boxes_area: npt.NDArray
) -> npt.NDArray[np.floating]:
    """Floats (N,): IoU of one box (4,) with each of (N, 4), whose areas the caller knows already."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[2:], boxes[:, 2:])
    intersection = np.prod(np.maximum(high - low, 0), axis=1)
    return intersection / (box_area + boxes_area - intersection)


def compute_overlaps(boxes1: npt.NDArray, boxes2: npt.NDArray) -> Floats:
    """float32 (N, M): IoU of every pair of boxes of (N, 4) and (M, 4); 0 for two empty boxes."""
    return arithmetic.iou(boxes1, boxes2)


def non_max_suppression(boxes: npt.NDArray, scores: npt.NDArray, threshold: float) -> npt.NDArray[np.int32]:
    """int32: the indices of the boxes to keep, best score first.

    None of them has an IoU above `threshold` with a better one.

    Args:
        boxes: (N, 4); no boxes are fine.
        scores: (N,).
        threshold: 0 to 1.
    """
    best_first = scores.argsort()[::-1]
    ordered = boxes[best_first].astype(np.float32)
    kept = arithmetic.non_maximum_suppression(ordered, threshold, limit=len(boxes))
    return best_first[kept].astype(np.int32)


def apply_box_deltas(boxes: npt.NDArray, deltas: npt.NDArray) -> Floats:
    """float32 (N, 4): each box moved by its dy dx log(dh) log(dw); a side grows at most by 62.5."""
    return arithmetic.apply_deltas(boxes.astype(np.float32), deltas.astype(np.float32))


def box_refinement(box: npt.NDArray, gt_box: npt.NDArray) -> Floats:
    """float32 (N, 4): the deltas that turn each box of (N, 4) into that of `gt_box`."""
    return arithmetic.deltas_between(box.astype(np.float32), gt_box.astype(np.float32))


def box_refinement_graph(box: Any, gt_box: Any) -> Any:
    """As `box_refinement`, for tensors of Keras' backend."""
    from keras import ops

    box, gt_box = ops.cast(box, "float32"), ops.cast(gt_box, "float32")
    size, gt_size = box[:, 2:] - box[:, :2], gt_box[:, 2:] - gt_box[:, :2]
    shift = (gt_box[:, :2] + 0.5 * gt_size) - (box[:, :2] + 0.5 * size)
    return ops.concatenate([shift / size, ops.log(gt_size / size)], axis=1)


def norm_boxes(boxes: npt.NDArray, shape: Sequence[int]) -> Floats:
    """float32 (N, 4): boxes normalised to an image of that (height, width).

    Pixels are divided by the side minus 1, after y2 and x2, which lie one pixel outside, were shifted by 1.
    """
    height, width = shape
    return arithmetic.normalize(boxes, height, width)


def denorm_boxes(boxes: npt.NDArray, shape: Sequence[int]) -> npt.NDArray[np.int32]:
    """int32 (N, 4): the inverse of `norm_boxes`, in whole pixels."""
    height, width = shape
    return arithmetic.denormalize(boxes, height, width)


def generate_anchors(
    scales: float | Sequence[float],
    ratios: float | Sequence[float],
    shape: Sequence[int],
    feature_stride: int,
    anchor_stride: int,
) -> npt.NDArray[np.float64]:
    """float64 (A, 4): the anchors of one level, by row, column, ratio and scale.

    Args:
        scales: sides of square anchors in pixels.
        ratios: width by height.
        shape: (rows, columns) of the level's feature map.
        feature_stride: pixels between its cells.
        anchor_stride: cells between anchors.
    """
    rows, columns = shape[:2]
    return level_anchors(
        np.atleast_1d(scales).tolist(),
        np.atleast_1d(ratios).tolist(),
        (int(rows), int(columns)),
        feature_stride,
        anchor_stride,
    )


def generate_pyramid_anchors(
    scales: Sequence[float],
    ratios: Sequence[float],
    feature_shapes: Sequence[Sequence[int]],
    feature_strides: Sequence[int],
    anchor_stride: int,
) -> npt.NDArray[np.float64]:
    """float64 (A, 4): `generate_anchors` of each level with its own scale, one level after the other."""
    levels = [
        generate_anchors(scale, ratios, shape, stride, anchor_stride)
        for scale, shape, stride in zip(scales, feature_shapes, feature_strides, strict=False)
    ]
    return np.concatenate(levels)
