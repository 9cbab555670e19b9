"""Tiles: a picture too large for a network, in overlapping parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

SEAM_THRESHOLD = 0.1
"""Parts of objects that a seam has cut are joined from this score on, whatever threshold is asked for: a part
scores less than the whole, and an object should look the same to each who asks."""


@dataclass(frozen=True)
class Tile:
    """x1 y1 x2 y2 in pixels of the picture, half-open."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def size(self) -> tuple[int, int]:
        return self.x2 - self.x1, self.y2 - self.y1

    def of(self, image: npt.NDArray) -> npt.NDArray:
        """The part of `image` (H, W, …) under the tile, without a copy."""
        return image[self.y1 : self.y2, self.x1 : self.x2]


def cut(width: int, height: int, side: int, overlap: int) -> list[Tile]:
    """Tiles of at most `side` pixels square that cover the picture, neighbours sharing `overlap` or more."""
    return [
        Tile(x1, y1, min(x1 + side, width), min(y1 + side, height))
        for y1 in _starts(height, side, overlap)
        for x1 in _starts(width, side, overlap)
    ]


def _starts(length: int, side: int, overlap: int) -> list[int]:
    if length <= side:
        return [0]
    count = -(-(length - overlap) // (side - overlap))
    return [round(index * (length - side) / (count - 1)) for index in range(count)]
