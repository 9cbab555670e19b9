"""Preprocessing: a picture of any size → the input of a classifier's network."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from model.engines.stages import Floats

STRETCHED_PERCENTILES = (1, 99)
LEAST_RANGE = 12.0
"""Grey levels: in a nearly empty picture, noise is not stretched further than this."""
SAMPLES_PER_PIXEL = 4
"""At least as many pixels along a side are averaged for each pixel of the input; of a larger picture, not
every pixel is read."""


def to_input(image: npt.NDArray[np.uint8], size: int, *, contrast: bool) -> Floats:
    """The picture, stretched to a square.

    Args:
        image: uint8 (H, W, 3), RGB.
        size: the side of the square.
        contrast: whether to stretch the grey levels to the full range.

    Returns:
        float32 (size, size, 3), RGB, 0 to 255.
    """
    rows, columns = (max(1, side // (SAMPLES_PER_PIXEL * size)) for side in image.shape[:2])
    sampled = np.ascontiguousarray(image[::rows, ::columns])
    smaller = min(sampled.shape[:2]) >= size
    scaled = cv2.resize(sampled, (size, size), interpolation=cv2.INTER_AREA if smaller else cv2.INTER_LINEAR)
    return stretched(scaled.astype(np.float32)) if contrast else scaled.astype(np.float32)


def stretched(picture: Floats) -> Floats:
    """Values of any range, as from 0 to 255: the 1st percentile becomes 0, the 99th 255."""
    low, high = np.percentile(picture, STRETCHED_PERCENTILES).astype(np.float32)
    factor = np.float32(255) / max(high - low, np.float32(LEAST_RANGE))
    return np.asarray(np.clip((picture - low) * factor, 0, 255), np.float32)
