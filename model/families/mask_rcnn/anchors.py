"""Anchors: the boxes at every cell of the pyramid from which region proposals start."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.boxes import Floats, normalize
from model.families.mask_rcnn.config import Config


def pyramid_anchors(config: Config, height: int, width: int) -> Floats:
    """float32 (A, 4), read-only: normalised y1 x1 y2 x2 of all anchors for a picture of that size in pixels.

    Ordered by level (finest first), then row, column and ratio: the order of the RPN's outputs
    (Matterport `generate_pyramid_anchors`).
    """
    return _anchors(
        config.rpn_anchor_scales, config.rpn_anchor_ratios, config.backbone_strides, height, width
    )


def level_sizes(config: Config, height: int, width: int) -> list[int]:
    """The number of anchors on each level for a picture of that size in pixels, finest level first."""
    cells = [-(-height // stride) * -(-width // stride) for stride in config.backbone_strides]
    return [count * config.anchors_per_location for count in cells]


@lru_cache(maxsize=4)  # bounded: one entry is 4 MB at 1024 x 1024
def _anchors(
    scales: tuple[int, ...], ratios: tuple[float, ...], strides: tuple[int, ...], height: int, width: int
) -> Floats:
    levels = [
        level_anchors([scale], ratios, (-(-height // stride), -(-width // stride)), stride)
        for scale, stride in zip(scales, strides, strict=True)
    ]
    anchors = normalize(np.concatenate(levels).astype(np.float32), height, width)
    anchors.setflags(write=False)
    return anchors


def level_anchors(
    scales: Sequence[float],
    ratios: Sequence[float],
    cells: tuple[int, int],
    stride: int,
    anchor_stride: int = 1,
) -> npt.NDArray[np.float64]:
    """float64 (A, 4): y1 x1 y2 x2 in pixels of the anchors of one level, by row, column, ratio and scale.

    Args:
        scales: side of a square anchor in pixels; one in a feature pyramid.
        ratios: width by height.
        cells: (rows, columns) of the level's feature map.
        stride: pixels between its cells.
        anchor_stride: cells between anchors.
    """
    sizes, roots = np.asarray(scales), np.sqrt(np.asarray(ratios))[:, None]
    half_sizes = 0.5 * np.stack([sizes / roots, sizes * roots], axis=-1).reshape(-1, 2)  # height, width
    rows, columns = (np.arange(0, count, anchor_stride) * stride for count in cells)
    centers = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)[:, :, None, :]
    return np.concatenate([centers - half_sizes, centers + half_sizes], axis=-1).reshape(-1, 4)
