"""Class ids as a graph's output: each pixel has one answer, so there is nothing to blend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.families.family import Size
from model.families.semantic.blocks import cell_size, strips_of
from model.families.semantic.fit import FitPlan
from model.pictures.tiles import Tile

Labels = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class CodeMap:
    """Class ids at the network's scale, to be read at the scale of a part of the picture.

    Attributes:
        ids: uint16 (rows, columns); its upper left corner is that of the part.
        cell: (width, height) of one cell in pixels of the picture.
        size: (width, height) of the part of the picture.
    """

    ids: Labels
    cell: tuple[float, float]
    size: Size

    @classmethod
    def of(
        cls, codes: npt.NDArray, class_ids: Sequence[int], seen: Size, scaled: Size, size: Size
    ) -> CodeMap:
        """The map for a network's output; numbers that are not a class of the model become background.

        Args:
            codes: whole numbers (1, rows, columns), of any type.
            class_ids: the class id of each number.
            seen: (width, height) of the network's input array, including padding.
            scaled: (width, height) of the part in its upper left corner that is not padding.
            size: (width, height) of that part in the picture.

        Raises:
            ValueError: `codes` has another shape.
        """
        if codes.ndim == 4 and codes.shape[3] == 1:
            codes = codes[..., 0]
        if codes.ndim != 3:
            raise ValueError(
                f'the network gives an array of {codes.shape}: gives "class_ids" needs (1, height, width)'
            )
        table = np.array([*class_ids, 0], np.uint16)
        numbers = np.rint(codes[0]).astype(np.int64)
        unknown = (numbers < 0) | (numbers >= len(class_ids))
        ids = table[np.where(unknown, len(class_ids), numbers)]
        return cls(ids, cell_size((ids.shape[1], ids.shape[0]), seen, scaled, size), size)

    def parts(self, tile: Tile, core: Tile) -> Iterator[tuple[Tile, Labels]]:
        """Yield class ids (h, w) of the pixels of `core`, from top to bottom, read from the nearest cells.

        Args:
            tile: the position of the map in the picture.
            core: the part of the tile that is wanted.
        """
        columns = self._nearest(core.x1 - tile.x1, core.x2 - tile.x1, axis=0)
        for strip in strips_of(core.size):
            rows = self._nearest(strip.y1 + core.y1 - tile.y1, strip.y2 + core.y1 - tile.y1, axis=1)
            where = Tile(core.x1, core.y1 + strip.y1, core.x2, core.y1 + strip.y2)
            yield where, self.ids[rows].take(columns, axis=1)

    def _nearest(self, start: int, end: int, axis: int) -> npt.NDArray[np.int64]:
        """The nearest cells of these pixels along one axis."""
        cells = ((np.arange(start, end) + 0.5) / self.cell[axis]).astype(np.int64)
        return np.minimum(cells, self.ids.shape[1 - axis] - 1)


def core_of(plan: FitPlan, column: int, row: int) -> Tile:
    """The pixels that are nearest to the middle of this tile of all tiles; the cores cover the picture."""
    tile = plan.tile(column, row)
    x1, x2 = _core(plan.columns, plan.seen[0], column, tile.x1, tile.x2)
    y1, y2 = _core(plan.rows, plan.seen[1], row, tile.y1, tile.y2)
    return Tile(x1, y1, x2, y2)


def _core(starts: Sequence[int], side: int, index: int, start: int, end: int) -> tuple[int, int]:
    """(start, end) of a core, in the middle of the overlaps with the previous and the next tile."""
    if index > 0:
        start = (starts[index] + starts[index - 1] + side) // 2
    if index + 1 < len(starts):
        end = (starts[index + 1] + starts[index] + side) // 2
    return start, end
