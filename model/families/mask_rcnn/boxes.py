"""Box arithmetic on y1 x1 y2 x2 arrays: normalising, encoding and decoding deltas, IoU, NMS."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

MAX_LOG_SCALE = float(np.log(1000 / 16))
"""Upper bound of a delta's log height and width: an untrained network must not overflow exp (Detectron)."""


def normalize(boxes_yxyx: npt.NDArray, height: int, width: int) -> Floats:
    """Convert half-open pixel boxes to Matterport's normalised coordinates, in which the last pixel is 1.

    The ends lie one pixel outside the box, hence the shift (Matterport `norm_boxes`).
    """
    scale = np.array([height - 1, width - 1, height - 1, width - 1], np.float32)
    shift = np.array([0, 0, 1, 1], np.float32)
    return ((boxes_yxyx - shift) / scale).astype(np.float32)


def denormalize(boxes_yxyx: npt.NDArray, height: int, width: int) -> npt.NDArray[np.int32]:
    """The inverse of `normalize`, rounded to whole pixels (Matterport `denorm_boxes`)."""
    scale = np.array([height - 1, width - 1, height - 1, width - 1], np.float32)
    shift = np.array([0, 0, 1, 1], np.float32)
    return np.around(boxes_yxyx * scale + shift).astype(np.int32)


def apply_deltas(boxes_yxyx: Floats, deltas: Floats) -> Floats:
    """Move (N, 4) boxes by (N, 4) deltas dy dx log(dh) log(dw) (R-CNN, appendix C)."""
    height = boxes_yxyx[:, 2] - boxes_yxyx[:, 0]
    width = boxes_yxyx[:, 3] - boxes_yxyx[:, 1]
    center_y = boxes_yxyx[:, 0] + 0.5 * height + deltas[:, 0] * height
    center_x = boxes_yxyx[:, 1] + 0.5 * width + deltas[:, 1] * width
    height = height * np.exp(np.minimum(deltas[:, 2], MAX_LOG_SCALE))
    width = width * np.exp(np.minimum(deltas[:, 3], MAX_LOG_SCALE))
    y1 = center_y - 0.5 * height
    x1 = center_x - 0.5 * width
    return np.stack([y1, x1, y1 + height, x1 + width], axis=1)


def deltas_between(boxes_yxyx: Floats, targets_yxyx: Floats) -> Floats:
    """The (N, 4) deltas that `apply_deltas` needs to turn each box into its target."""
    size = boxes_yxyx[:, 2:] - boxes_yxyx[:, :2]
    target_size = targets_yxyx[:, 2:] - targets_yxyx[:, :2]
    shift = (targets_yxyx[:, :2] + 0.5 * target_size) - (boxes_yxyx[:, :2] + 0.5 * size)
    return np.concatenate([shift / size, np.log(target_size / size)], axis=1).astype(np.float32)


def clip(boxes_yxyx: Floats, window_yxyx: npt.NDArray) -> Floats:
    """Cut (N, 4) boxes to one window (4,)."""
    return np.clip(boxes_yxyx, np.tile(window_yxyx[:2], 2), np.tile(window_yxyx[2:], 2))


def iou(boxes_a: npt.NDArray, boxes_b: npt.NDArray) -> Floats:
    """float32 (A, B): intersection over union of every pair; works for both yxyx and xyxy."""
    sides = [
        np.minimum(boxes_a[:, None, axis + 2], boxes_b[None, :, axis + 2])
        - np.maximum(boxes_a[:, None, axis], boxes_b[None, :, axis])
        for axis in (0, 1)
    ]
    intersection = np.maximum(sides[0], 0) * np.maximum(sides[1], 0)
    area_a = np.prod(boxes_a[:, 2:] - boxes_a[:, :2], axis=1)
    area_b = np.prod(boxes_b[:, 2:] - boxes_b[:, :2], axis=1)
    union = area_a[:, None] + area_b[None] - intersection
    return (intersection / np.maximum(union, np.finfo(np.float32).tiny)).astype(np.float32, copy=False)


def non_maximum_suppression(boxes_yxyx: Floats, threshold: float, limit: int) -> npt.NDArray[np.int64]:
    """Indices of at most `limit` boxes, best first, none with an IoU over `threshold` with a better one.

    The boxes must be ordered, best first.
    """
    count = len(boxes_yxyx)
    if not count:
        return np.zeros(0, np.int64)
    origin_and_size = np.concatenate([boxes_yxyx[:, :2], boxes_yxyx[:, 2:] - boxes_yxyx[:, :2]], axis=1)
    origin_and_size = origin_and_size.astype(np.float64)
    rank_as_score = np.arange(count, 0, -1, dtype=np.float32) / count  # OpenCV wants scores above zero
    looked_at = min(2 * limit, count)
    while True:
        # Whether a box stays depends only on better ones, so the best few are often enough for the limit.
        # OpenCV takes arrays; its type stubs list only sequences.
        kept = cv2.dnn.NMSBoxes(origin_and_size[:looked_at], rank_as_score[:looked_at], 0.0, threshold)  # type: ignore[arg-type]
        if len(kept) >= limit or looked_at == count:
            return np.asarray(kept, np.int64).reshape(-1)[:limit]
        looked_at = min(2 * looked_at, count)
