"""Sampling: where RoIAlign reads the pyramid for each RoI, and how much each cell counts.

On the host in float32: a network compiled for bf16 would round the coordinates too, by up to a whole cell.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.boxes import Floats

STRIDES = (4, 8, 16, 32)
"""Pixels between the cells of P2…P5."""
CANONICAL_SIZE = 224.0
"""A RoI of this side in pixels reads P4 (FPN, equation 1)."""

Integers = npt.NDArray[np.int32]


class SamplingPoints(NamedTuple):
    """The points of `size` × `size` bins for RoIs (…, R, 4).

    Attributes:
        corners: int32 (…, R, size, size, 4): the cells around each point, as rows of `RoIAlign`'s cells.
        weights: float32, of the same shape: the share of each, together 1.
    """

    corners: Integers
    weights: Floats


def sampling_points(rois: Floats, picture_shape: Sequence[int], size: int) -> SamplingPoints:
    """One bilinear point a bin, the outer points on the RoI's edges, on the level that fits its size.

    Args:
        rois: float32 (…, R, 4), normalised y1 x1 y2 x2.
        picture_shape: height and width of the picture that the trunk saw, multiples of 64.
        size: bins a side.

    The level rule, k = 4 + log2(√area / (224 / √image area)), and the points are those of Matterport's
    `PyramidROIAlign` and of `crop_and_resize`, which it calls.
    """
    heights, widths = (picture_shape[axis] // np.array(STRIDES, np.int32) for axis in (0, 1))
    starts = np.cumsum(heights * widths) - heights * widths
    level = _level_of(rois, picture_shape[0] * picture_shape[1])
    top, bottom, down = _points(rois[..., 0], rois[..., 2], heights[level], size)
    left, right, across = _points(rois[..., 1], rois[..., 3], widths[level], size)
    start, width = starts[level][..., None], widths[level][..., None]
    upper, lower = (start + top * width)[..., None], (start + bottom * width)[..., None]
    left, right = left[..., None, :], right[..., None, :]
    down, across = down[..., None], across[..., None, :]
    up, back = 1 - down, 1 - across
    return SamplingPoints(
        np.stack([upper + left, upper + right, lower + left, lower + right], axis=-1).astype(np.int32),
        np.stack([up * back, up * across, down * back, down * across], axis=-1),
    )


def _level_of(rois: Floats, picture_area: int) -> npt.NDArray[np.intp]:
    """0 for P2 … 3 for P5."""
    area = (rois[..., 2] - rois[..., 0]) * (rois[..., 3] - rois[..., 1])
    area = np.maximum(area, np.float32(1e-12))  # the zeros that pad a batch have no logarithm
    level = 4 + np.round(np.log2(np.sqrt(area) * np.float32(np.sqrt(picture_area) / CANONICAL_SIZE)))
    return np.clip(level, 2, 5).astype(np.intp) - 2


def _points(low: Floats, high: Floats, extent: Integers, size: int) -> tuple[Integers, Integers, Floats]:
    """For `size` points from low to high: the cells on both sides (…, R, size), the far one's share."""
    last = (extent - 1).astype(np.float32)[..., None]
    steps = np.linspace(0, 1, size, dtype=np.float32)
    position = np.clip((low[..., None] + (high - low)[..., None] * steps) * last, 0, last)
    near = np.floor(position)
    far = np.minimum(near + 1, last)
    return near.astype(np.int32), far.astype(np.int32), position - near
