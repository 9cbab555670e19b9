"""Blocks: the probabilities of a picture's pixels, one part of the picture at a time.

For 20 classes and 24 million pixels, all probabilities at once would take 2 GB.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from model.families.family import Size
from model.pictures.tiles import Tile

Floats = npt.NDArray[np.float32]

STRIP_PIXELS = 1 << 18
"""The approximate number of pixels in a strip: one plane of floats, 1 MB, stays in the processor's cache."""
ROUNDING = 1e-6


@dataclass(frozen=True)
class Block:
    """A part of a picture.

    Attributes:
        where: the part, in pixels of the picture.
        plane: index of a channel → its probabilities, float32 (h, w).
        at_most: float32 (K,), an upper bound of each channel's probabilities.
        best_at_least: a lower bound of the best channel's probability at any pixel.
    """

    where: Tile
    plane: Callable[[int], Floats]
    at_most: Floats
    best_at_least: float


def block_of_planes(where: Tile, planes: Floats) -> Block:
    """The block with these probabilities (K, h, w)."""
    return Block(where, lambda channel: planes[channel], *_bounds(planes))


@dataclass(frozen=True)
class ScoreMap:
    """Probabilities at the network's scale, to be read at the scale of a part of the picture.

    Attributes:
        planes: float32 (K, rows, columns); their upper left corner is that of the part.
        cell: (width, height) of one cell in pixels of the picture.
        size: (width, height) of the part of the picture.
    """

    planes: Floats
    cell: tuple[float, float]
    size: Size

    @classmethod
    def of(cls, planes: Floats, seen: Size, scaled: Size, size: Size) -> ScoreMap:
        """The map for a network's output (K, rows, columns).

        Args:
            planes: probabilities of the whole input array, including padding.
            seen: (width, height) of the input array.
            scaled: (width, height) of the part in its upper left corner that is not padding.
            size: (width, height) of that part in the picture.
        """
        cells = planes.shape[2], planes.shape[1]
        columns, rows = (max(1, -(-scaled[i] * cells[i] // seen[i])) for i in (0, 1))
        return cls(planes[:, :rows, :columns], cell_size(cells, seen, scaled, size), size)

    @property
    def is_at_scale(self) -> bool:
        """Whether each cell is one pixel, so that `planes` can be used directly."""
        return self.planes.shape[1:] == self.size[::-1] and self.cell == (1, 1)

    def strips(self) -> Iterator[Block]:
        """The part of the picture from top to bottom."""
        for part in strips_of(self.size):
            above, below, _ = self._rows(part.y1, part.y2)
            # Each value is a weighted mean of these cells, so it cannot exceed their maximum.
            bounds = _bounds(self.planes[:, above[0] : below[-1] + 1])
            yield Block(part, partial(self.read, y1=part.y1, y2=part.y2), *bounds)

    def read(self, channel: int, y1: int, y2: int) -> Floats:
        """float32 (y2 - y1, width): one channel's probabilities in these rows of the picture, bilinear."""
        above, below, share = self._rows(y1, y2)
        plane = self.planes[channel]
        rows = plane[above]
        if share.any():
            rows = rows + share[:, np.newaxis] * (plane[below] - rows)
        if self.cell[0] == 1:
            return rows[:, : self.size[0]]
        # By a factor, not to a width: the last cell may extend beyond the picture, and is cut.
        wide = cv2.resize(rows, None, fx=self.cell[0], fy=1, interpolation=cv2.INTER_LINEAR)
        return np.asarray(wide)[:, : self.size[0]]

    def _rows(self, y1: int, y2: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], Floats]:
        """For rows of the picture, the rows of cells above and below, and the weight of those below."""
        last = self.planes.shape[1] - 1
        centres = np.clip((np.arange(y1, y2) + 0.5) / self.cell[1] - 0.5, 0, last)
        above = np.floor(centres).astype(np.int64)
        return above, np.minimum(above + 1, last), (centres - above).astype(np.float32)


def cell_size(cells: Size, seen: Size, scaled: Size, size: Size) -> tuple[float, float]:
    """(width, height) of one cell of a network's output, in pixels of the picture.

    Args:
        cells: columns and rows of the output.
        seen: (width, height) of the input array, including padding.
        scaled: (width, height) of the part in its upper left corner that is not padding.
        size: (width, height) of that part in the picture.
    """
    width, height = (seen[i] / cells[i] * size[i] / scaled[i] for i in (0, 1))
    return width, height


def strips_of(size: Size) -> Iterator[Tile]:
    """Yield strips that cover a part of a picture of `size` (width, height), from top to bottom."""
    width, height = size
    rows = max(1, STRIP_PIXELS // width)
    for y1 in range(0, height, rows):
        yield Tile(0, y1, width, min(y1 + rows, height))


def _bounds(planes: Floats) -> tuple[Floats, float]:
    """`at_most` and `best_at_least`: the best of K is no less than their mean (but for its rounding)."""
    mean = planes[0] if len(planes) == 1 else np.add.reduce(planes, axis=0) / np.float32(len(planes))
    return planes.max(axis=(1, 2)), float(mean.min()) - ROUNDING
