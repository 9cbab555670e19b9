"""Picture meta: what the library keeps of an image beside its pixels, as one row of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

COLUMNS = {
    "image_id": slice(0, 1),
    "original_image_shape": slice(1, 4),
    "image_shape": slice(4, 7),
    "window": slice(7, 11),
    "scale": slice(11, 12),
    "active_class_ids": slice(12, None),
}


def compose_image_meta(
    image_id: int,
    original_image_shape: Sequence[int],
    image_shape: Sequence[int],
    window: Sequence[int],
    scale: float,
    active_class_ids: Sequence[int] | npt.NDArray,
) -> npt.NDArray[np.float64]:
    """One row, (12 + classes,).

    Args:
        image_id: number of the image in its data set.
        original_image_shape: height, width and channels before resizing.
        image_shape: the same after resizing and padding.
        window: y1 x1 y2 x2 of the image inside its padding, in pixels.
        scale: factor by which it was resized.
        active_class_ids: for each class, 1 if the image's data set labels it.
    """
    parts = [[image_id], original_image_shape, image_shape, window, [scale], active_class_ids]
    return np.concatenate([np.asarray(part, np.float64) for part in parts])


def parse_image_meta(meta: npt.NDArray) -> dict[str, npt.NDArray]:
    """The parts of rows (B, 12 + classes) by name; whole numbers but for `scale`."""
    parts = parse_image_meta_graph(meta)
    return {
        name: part.astype(np.float32) if name == "scale" else part.astype(np.int32)
        for name, part in parts.items()
    }


def parse_image_meta_graph(meta: Any) -> dict[str, Any]:
    """As `parse_image_meta`, for a tensor of any kind, whose dtype the parts keep."""
    single = ("image_id", "scale")
    return {
        name: meta[:, columns.start] if name in single else meta[:, columns]
        for name, columns in COLUMNS.items()
    }
