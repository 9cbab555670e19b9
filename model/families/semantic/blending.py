"""Blending: combines tiles' probabilities into the whole picture's, by weighted means without seams."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from model.families.semantic.blocks import Block, Floats, block_of_planes
from model.families.semantic.fit import FitPlan
from model.pictures.tiles import Tile


def blend(plan: FitPlan, halo: int, planes_of: Callable[[Tile], Floats]) -> Iterator[Block]:
    """Yield blocks that cover the picture, each as soon as no further tile overlaps it.

    Only the parts that later tiles overlap are kept in memory: some columns of the last tile, and some rows
    of the picture.

    Args:
        plan: how the picture is cut into tiles.
        halo: pixels along a tile's borders whose answer is not used, except at the picture's own borders.
        planes_of: a tile → its probabilities, float32 (K, h, w), at the picture's scale; may be overwritten.
    """
    width, height = plan.scaled
    across = windows(plan.columns, plan.seen[0], width, halo)
    down = windows(plan.rows, plan.seen[1], height, halo)
    above: Floats | None = None  # (K, rows, width): the part of the tiles above that overlaps this row
    for row in range(len(plan.rows)):
        left: Floats | None = None  # (K, h, columns): the same for the tile to the left
        done_below = _next(plan.rows, row, height)
        carried: Floats | None = None
        for column in range(len(plan.columns)):
            tile = plan.tile(column, row)
            planes = planes_of(tile)
            planes *= down[row][:, np.newaxis] * across[column]
            if left is not None:
                planes[:, :, : left.shape[2]] += left
            x2 = _next(plan.columns, column, width)
            left = planes[:, :, x2 - tile.x1 :].copy()
            done = planes[:, :, : x2 - tile.x1]
            if above is not None:
                done[:, : above.shape[1]] += above[:, :, tile.x1 : x2]
            if carried is None:
                carried = np.empty((len(planes), tile.y2 - done_below, width), np.float32)
            carried[:, :, tile.x1 : x2] = done[:, done_below - tile.y1 :]
            yield block_of_planes(Tile(tile.x1, tile.y1, x2, done_below), done[:, : done_below - tile.y1])
        above = carried


def windows(starts: Sequence[int], side: int, length: int, halo: int) -> list[Floats]:
    """The weights of each tile's pixels along one axis; for each pixel of the picture they add up to 1.

    They change smoothly from one tile to the next where both overlap, without their halos. At the
    picture's own ends they are 1.
    """
    ends = [min(start + side, length) for start in starts]
    weights = [np.ones(end - start) for start, end in zip(starts, ends, strict=True)]
    for index in range(1, len(starts)):
        low, high = starts[index] + halo, ends[index - 1] - halo
        weights[index] *= _rise(np.arange(starts[index], ends[index]), low, high)
        weights[index - 1] *= 1 - _rise(np.arange(starts[index - 1], ends[index - 1]), low, high)
    total = np.zeros(length)
    for start, end, weight in zip(starts, ends, weights, strict=True):
        total[start:end] += weight
    return [
        (weight / total[start:end]).astype(np.float32)
        for start, end, weight in zip(starts, ends, weights, strict=True)
    ]


def _rise(pixels: np.ndarray, low: int, high: int) -> np.ndarray:
    """0 before `low`, 1 from `high` on, and half a cosine wave in between."""
    if low >= high:
        return (pixels >= low).astype(np.float64)
    share = np.clip((pixels + 0.5 - low) / (high - low), 0, 1)
    return 0.5 - 0.5 * np.cos(np.pi * share)


def _next(starts: Sequence[int], index: int, end: int) -> int:
    """The start of the next tile, or the end of the picture."""
    return starts[index + 1] if index + 1 < len(starts) else end
