"""Wanted: the request for a picture of a file, and the decoded picture before it is turned upright."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.pictures.limits import Limits
from model.pictures.origin import NOT_TOLD, Axes
from model.pictures.projection import Projection

Enough = Callable[[tuple[int, int]], tuple[int, int]]
"""Returns, for a picture's (width, height), the smallest (width, height) to which it may be reduced."""

BeforePixels = Callable[[tuple[int, int], int, int], object]
"""Called before decoding begins, with a picture's (width, height) as stored, the most bytes of memory that it
takes, and about how many pages of that size are decoded for it: all pages of a projection, all frames of an
animation up to the requested one, and more than one also for a JPEG with very many scans or a HEIC with
hidden tiles."""


@dataclass(frozen=True)
class Wanted:
    """The request for a picture of a file: the arguments of `decode_reduced`."""

    enough: Enough
    limits: Limits
    page: int
    channel: int | None
    projection: Projection
    before_pixels: BeforePixels
    keeps_values: bool = False

    def bytes_of_values(self, samples: int, item_bytes: int) -> int:
        """Return the memory for the picture's own values, in addition to that for decoding it."""
        return samples * item_bytes if self.keeps_values else 0


@dataclass(frozen=True)
class Stored:
    """A decoded picture, not yet upright.

    Attributes:
        rgb: uint8 (H, W, 3), possibly reduced.
        orientation: EXIF's orientation, 1 (upright) to 8.
        pages: how many pages the file has.
        channels: how many channels the picture has in the file.
        pixel_size: (x, y) of its pixels as stored, in micrometres.
        whole_size: (width, height) of the whole picture, upright; None if it is not reduced.
        is_cut: whether the end of its file is missing.
        axes: what the pages of the file stand for, and its channels' names.
        values: (H, W, C), its own values (`colours.own_values`), if they were requested.
    """

    rgb: npt.NDArray[np.uint8]
    orientation: int
    pages: int
    channels: int
    pixel_size: tuple[float, float] | None = None
    whole_size: tuple[int, int] | None = None
    is_cut: bool = False
    axes: Axes = NOT_TOLD
    values: npt.NDArray[Any] | None = None


def not_told(size: tuple[int, int], needed: int, pages: int) -> None:
    """Do nothing: the `BeforePixels` for callers that do not limit memory."""


def whole(size: tuple[int, int]) -> tuple[int, int]:
    """Return `size`: the `Enough` for callers that need every pixel."""
    return size
