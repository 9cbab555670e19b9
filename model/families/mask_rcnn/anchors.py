"""Anchors: the boxes at every cell of the pyramid from which region proposals start."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

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
        _level_anchors(scale, ratios, stride, height, width)
        for scale, stride in zip(scales, strides, strict=True)
    ]
    anchors = normalize(np.concatenate(levels), height, width)
    anchors.setflags(write=False)
    return anchors


def _level_anchors(scale: int, ratios: tuple[float, ...], stride: int, height: int, width: int) -> Floats:
    roots = np.sqrt(np.asarray(ratios))
    half_sizes = 0.5 * np.stack([scale / roots, scale * roots], axis=1)  # (ratios, 2): height, width
    rows = np.arange(-(-height // stride)) * stride
    columns = np.arange(-(-width // stride)) * stride
    centers = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)[:, :, None, :]
    boxes = np.concatenate([centers - half_sizes, centers + half_sizes], axis=-1)
    return boxes.reshape(-1, 4).astype(np.float32)
