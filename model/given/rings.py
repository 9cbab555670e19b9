"""Rings of given objects: filled by the even-odd rule, exactly where they run along the edges of pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model.given.complaints import TooManyObjects, UnusableObjects
from model.given.run_lengths import Box
from model.results.masks import Mask

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Numbers = Integers | Floats

_PIECE = 1 << 20  # crossings that are processed at once
_BEYOND = 1.0
"""Pixels by which a drawn ring may exceed its box, which encloses the centres of the pixels in the ring."""


class Crossings:
    """A limit on the rows that the edges of all rings may cross together, as each crossing takes time."""

    def __init__(self, most: int) -> None:
        self._most = self._left = most

    def take(self, count: int) -> None:
        """Count crossings. Raises TooManyObjects."""
        self._left -= count
        if self._left < 0:
            raise TooManyObjects(
                f"the rings of the masks run up and down through more than {self._most:,} rows of pixels:"
                " send fewer objects, or run lengths (mask_format=rle)"
            )


def vertices_of(ring: Any) -> Numbers:
    """(V, 2), the vertices of a ring, int64 if all are integers, else float64. Raises UnusableObjects."""
    problem = UnusableObjects(
        "a ring of its mask must be a list of three or more points, as numbers x1, y1, x2, y2, …"
    )
    if not isinstance(ring, list) or len(ring) < 6 or len(ring) % 2:
        raise problem
    try:
        values = np.array(ring)
    except ValueError:  # lists of different lengths in it
        raise problem from None
    if values.ndim != 1 or values.dtype.kind not in "iuf":
        raise problem
    return (values if values.dtype == np.int64 else values.astype(np.float64)).reshape(-1, 2)


def of_rings(rings: Sequence[Numbers], box: Box, crossings: Crossings) -> Mask:
    """The mask of the pixels whose centres lie in an odd number of rings, uint8 (height, width) of 0 and 1.

    Raises:
        UnusableObjects: a ring exceeds its box by more than _BEYOND.
        TooManyObjects: the rings have more crossings than are left.
    """
    x, y, width, height = box
    if not rings:
        return np.zeros((height, width), np.uint8)
    vertices = np.concatenate(rings) - (x, y)
    lowest, highest = vertices.min(axis=0), vertices.max(axis=0)
    # Not the other way round, so that NaN is refused, too.
    if not (lowest.min() >= -_BEYOND and (highest <= (width + _BEYOND, height + _BEYOND)).all()):
        raise UnusableObjects("a ring of its mask exceeds its box")
    is_within = lowest.min() >= 0 and highest[0] <= width and highest[1] <= height
    if is_within and all(map(_runs_along_pixels, rings)):
        return _within_corners(vertices.astype(np.int64), width, height)
    nexts = np.concatenate([np.concatenate([ring[1:], ring[:1]]) for ring in rings]) - (x, y)
    return _between_crossings(vertices.astype(np.float64), nexts.astype(np.float64), width, height, crossings)


def _runs_along_pixels(ring: Numbers) -> bool:
    """Whether the edges of a ring are vertical and horizontal in turn, on the edges of pixels."""
    if ring.dtype != np.int64 or len(ring) % 2:
        return False
    before, after = ring[0::2], ring[1::2]
    for along, across in ((0, 1), (1, 0)):
        if (before[:, along] == after[:, along]).all():
            goes_on = (after[:-1, across] == before[1:, across]).all()
            return bool(goes_on and after[-1, across] == before[0, across])
    return False


def _within_corners(corners: Integers, width: int, height: int) -> Mask:
    """The mask within rings along the edges of pixels.

    Such a ring is made of its vertical edges, and pixels to the right of each change sides. So they do below
    its upper end, and again below its lower end, for each of the corners.
    """
    sides = np.zeros((height + 1, width + 1), np.uint8)
    np.add.at(sides.reshape(-1), corners[:, 1] * (width + 1) + corners[:, 0], np.uint8(1))
    sides &= 1  # additions wrap around at 256, which leaves odd numbers odd
    below = np.bitwise_xor.accumulate(sides[:height], axis=0)
    return np.ascontiguousarray(np.bitwise_xor.accumulate(below, axis=1)[:, :width])


def _between_crossings(starts: Floats, ends: Floats, width: int, height: int, crossings: Crossings) -> Mask:
    """The mask within rings whose edges lead from `starts` to `ends`.

    Each edge crosses the centre lines of some rows. From a crossing on to the right, pixels change sides.
    """
    sides = np.zeros((height, width + 1), np.uint8)
    low, high = np.minimum(starts[:, 1], ends[:, 1]), np.maximum(starts[:, 1], ends[:, 1])
    first = np.clip(np.ceil(low - 0.5), 0, height).astype(np.int64)
    counts = np.clip(np.ceil(high - 0.5), 0, height).astype(np.int64) - first
    crossings.take(int(counts.sum()))
    for edges in _pieces(np.flatnonzero(counts), counts):
        _cross(sides, starts[edges], ends[edges], first[edges], counts[edges])
    return np.bitwise_xor.accumulate(sides & 1, axis=1)[:, :width].copy()


def _pieces(edges: Integers, counts: Integers) -> Iterator[Integers]:
    """Parts of `edges` with about _PIECE crossings each."""
    piece = np.cumsum(counts[edges]) // _PIECE
    yield from np.split(edges, np.flatnonzero(np.diff(piece)) + 1)


def _cross(
    sides: npt.NDArray[np.uint8], starts: Floats, ends: Floats, first: Integers, counts: Integers
) -> None:
    """Count in `sides` the crossings of edges, which cross `counts` rows from `first` on."""
    edge = np.repeat(np.arange(len(counts)), counts)
    row = np.arange(len(edge)) - np.repeat(np.cumsum(counts) - counts, counts) + first[edge]
    (from_x, from_y), (to_x, to_y) = starts.T, ends.T
    slope = (to_x - from_x) / np.where(to_y == from_y, 1, to_y - from_y)
    along = from_x[edge] + (row + 0.5 - from_y[edge]) * slope[edge]
    column = np.clip(np.ceil(along - 0.5), 0, sides.shape[1] - 1).astype(np.int64)
    np.add.at(sides.reshape(-1), row * sides.shape[1] + column, np.uint8(1))
