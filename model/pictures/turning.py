"""Turning: pixels as they lie in a file, and as EXIF's orientation asks to show them."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

Pixel = TypeVar("Pixel", bound=np.generic)

SWAPPING_SIDES = (5, 6, 7, 8)
"""The orientations that make a wide picture high."""
_BACK = {6: 8, 8: 6}
"""Orientations that are undone by another than themselves: the quarter turns."""


def turned(pixels: npt.NDArray[Pixel], orientation: int) -> npt.NDArray[Pixel]:
    """The pixels turned as EXIF's number asks.

    Args:
        pixels: (H, W) or (H, W, channels), as they are stored.
        orientation: 1 to 8.
    """
    if orientation in SWAPPING_SIDES:
        pixels = pixels.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])


def turned_back(pixels: npt.NDArray[Pixel], orientation: int) -> npt.NDArray[Pixel]:
    """The pixels as they are stored, of those that `turned` gives."""
    return turned(pixels, _BACK.get(orientation, orientation))
