"""FitPlan: how one picture is scaled, padded and cut into tiles for the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from model.families.family import Size
from model.families.semantic.config import SemanticConfig
from model.pictures.tiles import Tile

LENGTHS_A_SIDE = 4
"""If an engine wants few shapes, the sides of the network's input have one of this many lengths."""

CLOSER = 2
"""For a second look, a reduced copy has at least this multiple of the network's width and height."""


@dataclass(frozen=True)
class FitPlan:
    """How a picture goes through the network.

    Attributes:
        size: of the picture; results are in its pixels.
        scaled: the size to which it is scaled; with tiles, `size`.
        seen: the size of each input array: a part of the scaled picture in its upper left corner, and
            padding.
        columns: the tiles' left edges in the scaled picture, ascending.
        rows: the tiles' upper edges in the scaled picture, ascending.
        enough: the least size of a reduced copy of the picture; `size` if every pixel is needed.
    """

    size: Size
    scaled: Size
    seen: Size
    columns: Sequence[int]
    rows: Sequence[int]
    enough: Size

    @property
    def tiles(self) -> int:
        """The number of tiles; 1 if the network sees the whole picture at once."""
        return len(self.columns) * len(self.rows)

    @property
    def is_tiled(self) -> bool:
        return self.tiles > 1

    def tile(self, column: int, row: int) -> Tile:
        """The part of the scaled picture that the network sees at once."""
        x1, y1 = self.columns[column], self.rows[row]
        return Tile(x1, y1, min(x1 + self.seen[0], self.scaled[0]), min(y1 + self.seen[1], self.scaled[1]))


def plan_fit(size: Size, config: SemanticConfig, few_shapes: bool = False) -> FitPlan:
    """The plan for a picture of `size` (width, height).

    Args:
        size: of the picture.
        config: of the network.
        few_shapes: if the network takes any size, pad more, so that it sees few different sizes.
    """
    if config.fit == "tile":
        seen = seen_at_most(config)
        columns, rows = (
            starts(length, side, config.tile_overlap, config.divisor)
            for length, side in zip(size, seen, strict=True)
        )
        return FitPlan(size, size, seen, columns, rows, size)
    scaled = _scaled(size, config)
    enough = size
    if not config.refine_edges:  # refining edges needs all of the picture's pixels
        closer = CLOSER if config.look_again else 1
        enough = min(size[0], closer * scaled[0]), min(size[1], closer * scaled[1])
    return FitPlan(size, scaled, _seen(scaled, config, few_shapes), (0,), (0,), enough)


def seen_at_most(config: SemanticConfig) -> Size:
    """(width, height) of the network's largest input."""
    if config.size is not None:
        return config.size
    side = _multiple(config.max_side, config.divisor)
    return side, side


def starts(length: int, side: int, overlap: int, grid: int) -> list[int]:
    """The starts of tiles of `side` pixels along a line of `length`; neighbours share `overlap` or more.

    All are multiples of `grid`, if a tile is long enough for that, so the last tile may extend beyond the
    end by less than `grid`.
    """
    if length <= side:
        return [0]
    if side - overlap < grid:
        grid = 1
    steps, last_start = (side - overlap) // grid, -(-(length - side) // grid)  # in units of the grid
    last = -(-last_start // steps)
    return [index * last_start // last * grid for index in range(last + 1)]


def _scaled(size: Size, config: SemanticConfig) -> Size:
    if config.fit == "scale":
        return seen_at_most(config)
    if config.size is None:
        scale = min(1.0, config.max_side / max(size))
    else:
        scale = min(config.size[0] / size[0], config.size[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _seen(scaled: Size, config: SemanticConfig, few_shapes: bool) -> Size:
    if config.size is not None:
        return config.size
    largest = seen_at_most(config)[0]
    step = config.divisor
    if few_shapes:
        step = _multiple(-(-largest // LENGTHS_A_SIDE), config.divisor)
    width, height = (min(_multiple(side, step), largest) for side in scaled)
    return width, height


def _multiple(length: int, step: int) -> int:
    """`length` rounded up to a multiple of `step`."""
    return -(-length // step) * step
