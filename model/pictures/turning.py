"""Turning: converts pixels between their order in a file and the upright picture, by EXIF's orientation."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Pixel = TypeVar("Pixel", bound=np.generic)

SWAPPING_SIDES = (5, 6, 7, 8)
"""The orientations that swap width and height."""
_BACK = {6: 8, 8: 6}
"""Quarter turns, the only orientations that are not their own inverse, and their inverses."""


def turned(pixels: npt.NDArray[Pixel], orientation: int) -> npt.NDArray[Pixel]:
    """Return the pixels turned upright.

    Args:
        pixels: (H, W) or (H, W, channels), as stored.
        orientation: EXIF's orientation, 1 to 8.
    """
    if orientation in SWAPPING_SIDES:
        pixels = pixels.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])


def turned_back(pixels: npt.NDArray[Pixel], orientation: int) -> npt.NDArray[Pixel]:
    """Return the pixels as stored; the inverse of `turned`."""
    return turned(pixels, _BACK.get(orientation, orientation))
