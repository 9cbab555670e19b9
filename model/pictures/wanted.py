"""Wanted: which picture of a file is asked for, what it may cost, and how it lies in its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.pictures.limits import Limits
from model.pictures.projection import Projection

Enough = Callable[[tuple[int, int]], tuple[int, int]]
"""Of a picture's (width, height), the least to which it may be reduced."""

BeforePixels = Callable[[tuple[int, int], int, int], object]
"""Called before decoding begins, with a picture's (width, height) as stored, the most bytes that it takes,
and about how many pages of that size are decoded for it: all pages of a projection, all frames up to the one
wanted of an animation, more than one also for a JPEG of very many scans or a HEIC of hidden tiles."""


@dataclass(frozen=True)
class Wanted:
    """Which picture of a file is wanted, and what it may cost; as in `decode_reduced`."""

    enough: Enough
    limits: Limits
    page: int
    channel: int | None
    projection: Projection
    before_pixels: BeforePixels


@dataclass(frozen=True)
class Stored:
    """A picture as it lies in its file.

    Attributes:
        rgb: uint8 (H, W, 3), maybe reduced.
        orientation: EXIF's number for how it is to be turned.
        pages: how many the file has.
        channels: how many the picture has in it.
        pixel_size: (x, y) of its pixels as stored, in micrometres.
        whole_size: (width, height) of the whole picture, upright; None where it is not reduced.
        is_cut: whether the end of its file is missing.
    """

    rgb: npt.NDArray[np.uint8]
    orientation: int
    pages: int
    channels: int
    pixel_size: tuple[float, float] | None = None
    whole_size: tuple[int, int] | None = None
    is_cut: bool = False


def not_told(size: tuple[int, int], needed: int, pages: int) -> None:
    """The `BeforePixels` of who has memory enough."""


def whole(size: tuple[int, int]) -> tuple[int, int]:
    """The `Enough` of who wants every pixel."""
    return size
