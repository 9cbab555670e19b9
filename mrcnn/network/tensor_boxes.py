"""Box arithmetic on tensors (N, 4), y1 x1 y2 x2, under the library's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras import ops

_SHIFT = (0.0, 0.0, 1.0, 1.0)


def norm_boxes_graph(boxes: Any, shape: Any) -> Any:
    """Half-open pixel boxes → coordinates in which the last pixel is 1; shape: height, width."""
    return (boxes - _SHIFT) / _scale(shape)


def denorm_boxes_graph(boxes: Any, shape: Any) -> Any:
    """The inverse, int32."""
    return ops.cast(ops.round(boxes * _scale(shape) + _SHIFT), "int32")


def apply_box_deltas_graph(boxes: Any, deltas: Any) -> Any:
    """Boxes moved by deltas dy dx log(dh) log(dw)."""
    size = boxes[:, 2:] - boxes[:, :2]
    center = boxes[:, :2] + 0.5 * size + deltas[:, :2] * size
    half = 0.5 * size * ops.exp(deltas[:, 2:])
    return ops.concatenate([center - half, center + half], axis=1)


def clip_boxes_graph(boxes: Any, window: Any) -> Any:
    """Boxes cut to one window (4,)."""
    window = ops.convert_to_tensor(window, dtype="float32")
    low, high = ops.tile(window[:2], [2]), ops.tile(window[2:], [2])
    return ops.maximum(ops.minimum(boxes, high), low)


def overlaps_graph(boxes1: Any, boxes2: Any) -> Any:
    """IoU of every pair, (N, M)."""
    low = ops.maximum(boxes1[:, None, :2], boxes2[None, :, :2])
    high = ops.minimum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    shared = ops.prod(ops.maximum(high - low, 0), axis=-1)
    areas = [ops.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (boxes1, boxes2)]
    return shared / (areas[0][:, None] + areas[1][None] - shared)


def trim_zeros_graph(boxes: Any, name: str = "trim_zeros") -> tuple[Any, Any]:
    """The boxes that are not padding with zeros, and bool (N,): which those are."""
    there = ops.any(ops.not_equal(boxes, 0), axis=1)
    return boxes[there], there


def batch_pack_graph(x: Any, counts: Sequence[int], num_rows: int) -> Any:
    """The first counts[i] of the rows of each of `num_rows` items of a batch, one after the other."""
    return ops.concatenate([x[index, : counts[index]] for index in range(num_rows)], axis=0)


def log2_graph(x: Any) -> Any:
    """The logarithm to the base 2."""
    return ops.log2(x)


def _scale(shape: Any) -> Any:
    height, width = (ops.cast(side, "float32") - 1 for side in (shape[0], shape[1]))
    return ops.stack([height, width, height, width])
