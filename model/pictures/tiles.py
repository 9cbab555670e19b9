"""Tiles: cuts a picture that is too large for a network into overlapping parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

SEAM_THRESHOLD = 0.1
"""Parts of objects that a seam has cut are joined if they score at least this, whatever threshold is
requested: a part scores less than the whole, and an object should look the same in every answer."""


@dataclass(frozen=True)
class Tile:
    """A tile: x1, y1, x2, y2 in pixels of the picture, half-open."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def size(self) -> tuple[int, int]:
        return self.x2 - self.x1, self.y2 - self.y1

    def of(self, image: npt.NDArray) -> npt.NDArray:
        """Return the part of `image` (H, W, …) under the tile, as a view."""
        return image[self.y1 : self.y2, self.x1 : self.x2]


def cut(width: int, height: int, side: int, overlap: int) -> list[Tile]:
    """Return tiles of up to `side` x `side` pixels that cover the picture; they share `overlap` or more."""
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
