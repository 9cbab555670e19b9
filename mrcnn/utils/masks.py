"""Masks: mini-masks for training, and the network's small masks brought to the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np
import numpy.typing as npt

from model.pictures.bilinear import resize_bilinear
from model.results.masks import paste

Masks = npt.NDArray[np.bool_]


def minimize_mask(bbox: npt.NDArray, mask: npt.NDArray, mini_shape: Sequence[int]) -> Masks:
    """Bool (h, w, N): each mask of (H, W, N), cut to its box of (N, 4) and resized to `mini_shape` (h, w).

    Raises:
        ValueError: a box is empty.
    """
    height, width = mini_shape
    mini_masks = np.zeros((height, width, mask.shape[-1]), bool)
    for index, (y1, x1, y2, x2) in enumerate(bbox[:, :4]):
        part = mask[y1:y2, x1:x2, index].astype(bool)
        if not part.size:
            raise ValueError(
                f"box {index}, {bbox[index].tolist()}, is empty: leave out objects without pixels before"
            )
        mini_masks[..., index] = _resized(part, height, width)
    return mini_masks


def expand_mask(bbox: npt.NDArray, mini_mask: npt.NDArray, image_shape: Sequence[int]) -> Masks:
    """Bool (H, W, N): the inverse of `minimize_mask`, for an image of that (H, W)."""
    masks = np.zeros((*image_shape[:2], mini_mask.shape[-1]), bool)
    for index, (y1, x1, y2, x2) in enumerate(bbox[: mini_mask.shape[-1], :4]):
        if y2 > y1 and x2 > x1:  # the boxes of padding are empty
            masks[y1:y2, x1:x2, index] = _resized(mini_mask[..., index], y2 - y1, x2 - x1)
    return masks


def unmold_mask(mask: npt.NDArray, bbox: Sequence[int], image_shape: Sequence[int]) -> Masks:
    """Bool (H, W): the network's probabilities, 28 x 28, resized to their box and cut at 0.5."""
    y1, x1, y2, x2 = (int(end) for end in bbox[:4])
    full = np.zeros(tuple(image_shape[:2]), bool)
    if y2 > y1 and x2 > x1:
        full[y1:y2, x1:x2] = paste(mask.astype(np.float32, copy=False), x2 - x1, y2 - y1)
    return full


def mold_mask(mask: npt.NDArray, config: object) -> NoReturn:
    """Raise NotImplementedError: the library has the name alone."""
    raise NotImplementedError("mold_mask does nothing in Matterport's library: use minimize_mask")


def _resized(mask: npt.NDArray, height: int, width: int) -> Masks:
    return np.around(resize_bilinear(mask[..., None], height, width)[..., 0]).astype(bool)
