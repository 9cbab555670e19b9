"""Pixels: OpenCV's functions for images of any number of channels and any dtype."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

CHANNELS_AT_ONCE = 4
"""The most that OpenCV's warps take."""
DTYPES = ("uint8", "uint16", "int16", "float32", "float64")
"""Those that OpenCV warps."""
INTERPOLATIONS = {0: cv2.INTER_NEAREST, 1: cv2.INTER_LINEAR, 3: cv2.INTER_CUBIC}
"""By spline order."""
BORDERS = {
    "constant": cv2.BORDER_CONSTANT,
    "edge": cv2.BORDER_REPLICATE,
    "symmetric": cv2.BORDER_REFLECT,
    "reflect": cv2.BORDER_REFLECT_101,
    "wrap": cv2.BORDER_WRAP,
}
"""By NumPy's name of the mode."""


def by_channels(image: npt.NDArray, change: Callable[[npt.NDArray], npt.NDArray]) -> npt.NDArray:
    """Apply a function of OpenCV to an image (H, W) or (H, W, channels), a few channels at a time."""
    if image.dtype == bool:
        return by_channels(image.view(np.uint8), change).astype(bool)
    if image.dtype.name not in DTYPES:
        return as_type(by_channels(image.astype(np.float64), change), image.dtype)
    planes = image if image.ndim == 3 else image[..., None]
    starts = range(0, max(planes.shape[2], 1), CHANNELS_AT_ONCE)
    if not planes.shape[2]:  # masks of no objects
        planes = np.zeros((*planes.shape[:2], 1), planes.dtype)
    parts = [np.ascontiguousarray(planes[..., start : start + CHANNELS_AT_ONCE]) for start in starts]
    changed = [change(part) for part in parts]
    height, width = changed[0].shape[:2]
    joined = np.concatenate([part.reshape(height, width, -1) for part in changed], axis=2)
    return joined.reshape(height, width) if image.ndim == 2 else joined[..., : image.shape[2]]


def as_type(values: npt.NDArray, dtype: np.dtype) -> npt.NDArray:
    """Convert numbers to another dtype, rounded and cut to its range if that is one of integers."""
    if np.issubdtype(dtype, np.integer):
        values = np.clip(np.rint(values), np.iinfo(dtype).min, np.iinfo(dtype).max)
    return values.astype(dtype)


def resized(image: npt.NDArray, height: int, width: int, nearest: bool) -> npt.NDArray:
    """The image with another size in pixels."""
    method = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
    return by_channels(
        image, lambda part: np.asarray(cv2.resize(part, (width, height), interpolation=method))
    )
