"""Masks of given objects: read from run lengths, rings or PNGs, which may be wrong or hostile."""

from __future__ import annotations

import base64
import binascii
import io
import math
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt
from PIL import Image

from model.given.complaints import TooManyObjects, UnusableObjects
from model.results.masks import Mask

Box = tuple[int, int, int, int]  # x, y, width, height
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Numbers = Integers | Floats

_PIECE = 1 << 20  # characters of run lengths, or crossings of rings, that are processed at once
_LONGEST_RUN = 6  # characters: 30 bits, more than any picture has pixels
_BEYOND = 1.0
"""Pixels by which a drawn ring may exceed its box, which encloses the centres of the pixels in the ring."""


class PackedMasks(Sequence[Mask]):
    """Masks with a bit for each pixel, unpacked on access: large objects that overlap have many pixels."""

    def __init__(self) -> None:
        self._packed: list[tuple[tuple[int, ...], npt.NDArray[np.uint8]]] = []

    def append(self, mask: Mask) -> None:
        """Add a mask, uint8 of 0 and 1."""
        self._packed.append((mask.shape, np.packbits(mask)))

    def in_order(self, indices: Sequence[int]) -> PackedMasks:
        """The masks at `indices`."""
        chosen = PackedMasks()
        chosen._packed = [self._packed[index] for index in indices]
        return chosen

    def __len__(self) -> int:
        return len(self._packed)

    @overload
    def __getitem__(self, index: int) -> Mask: ...

    @overload
    def __getitem__(self, index: slice) -> PackedMasks: ...

    def __getitem__(self, index: int | slice) -> Mask | PackedMasks:
        if isinstance(index, slice):
            return self.in_order(range(len(self))[index])
        shape, bits = self._packed[index]
        return np.unpackbits(bits, count=math.prod(shape)).reshape(shape)


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


def mask_of(value: Any, box: Box, size: tuple[int, int], crossings: Crossings) -> Mask:
    """The mask of an object, uint8 (height, width) of 0 and 1, of its box.

    Args:
        value: the member `mask` of a segment: run lengths, rings, or a PNG in base64.
        box: within the image.
        size: (width, height) of the image.
        crossings: the crossings that are left.

    Raises:
        UnusableObjects: the value is none of these, is damaged, or has pixels outside the box.
        TooManyObjects: its rings have too many crossings.
    """
    match value:
        case {"size": list(sides), "counts": str(counts)}:
            if sides != [size[1], size[0]]:
                raise UnusableObjects(
                    f"its run lengths must have the image's size, [height, width] = [{size[1]}, {size[0]}]"
                )
            return _of_runs(counts, box, size)
        case list(rings):
            return _of_rings([_vertices(ring) for ring in rings], box, crossings)
        case str(text):
            return _of_png(text, box)
    raise UnusableObjects(
        "its mask must be run lengths, a list of rings or a PNG in base64, as in an answer with mask_format"
        " rle, polygon or png"
    )


def _of_runs(counts: str, box: Box, size: tuple[int, int]) -> Mask:
    """The mask in COCO's compressed run lengths."""
    width, height = box[2:]
    columns = np.zeros(width * height, np.uint8)  # like the runs: down the first column, then the next
    end = 0  # of the runs so far, in the image
    is_object = False
    for lengths in _runs_in(counts):
        ends = end + np.cumsum(lengths)
        starts = ends - lengths
        end = int(ends[-1])
        if lengths.min() < 0 or end > math.prod(size):
            raise _bad_runs()
        ours = slice(0 if is_object else 1, None, 2)
        is_object ^= bool(len(lengths) % 2)
        _fill(columns, starts[ours], lengths[ours], box, size)
    if end != math.prod(size):
        raise _bad_runs()
    return np.ascontiguousarray(columns.reshape(width, height).T)


def _bad_runs() -> UnusableObjects:
    return UnusableObjects("its run lengths do not add up to the image's pixels")


def _fill(
    columns: npt.NDArray[np.uint8], starts: Integers, lengths: Integers, box: Box, size: tuple[int, int]
) -> None:
    """Set the pixels of runs, which start at places in the image, in the flat `columns` of a box."""
    starts, lengths = starts[lengths > 0], lengths[lengths > 0]
    if not len(starts):
        return
    x, y, _, height = box
    column, row = np.divmod(starts, size[1])
    begin = (column - x) * height + row - y
    end = begin + lengths
    # In a box as high as the image, a run may go on at the top of the next column.
    is_inside = (column >= x) & (row >= y) & (end <= len(columns))
    if height < size[1]:
        is_inside &= row + lengths <= y + height
    if not is_inside.all():
        raise UnusableObjects("its mask has pixels outside its box")
    edges = np.stack([begin, end], axis=1).ravel()
    gaps = np.diff(edges, prepend=0)
    pattern = np.arange(len(gaps), dtype=np.int64) % 2
    columns[: edges[-1]] |= np.repeat(pattern.astype(np.uint8), gaps)


def _runs_in(counts: str) -> Iterator[Integers]:
    """The run lengths in COCO's text, in pieces; the first is of background, and they alternate.

    Each character has six bits: five of the length, lowest first, and one that tells that more follow. From
    the fourth length on, a length is stored as its difference from the last but one (`rleFrString` in COCO's
    maskApi.c).
    """
    try:
        codes = np.frombuffer(counts.encode("ascii"), np.uint8) - np.uint8(48)
    except UnicodeEncodeError:
        raise _bad_runs() from None
    if not len(codes) or codes.max() >= 64 or codes[-1] & 32:
        raise _bad_runs()
    at, number = 0, 0
    before = [0, 0]  # the last but one length, and the last
    while at < len(codes):
        piece = codes[at : at + _PIECE]
        last = np.flatnonzero(piece & 32 == 0)  # of each number
        if not len(last):
            raise _bad_runs()
        piece = piece[: last[-1] + 1]
        at += len(piece)
        stored = _numbers(piece, last)
        yield _undone(stored, number, before)
        number += len(stored)


def _numbers(codes: npt.NDArray[np.uint8], last: Integers) -> Integers:
    """The signed numbers in `codes`, six bits each; `last` are the indices of their last ones."""
    first = np.concatenate([[0], last[:-1] + 1])
    if (last - first).max() >= _LONGEST_RUN:
        raise _bad_runs()
    numbers = np.zeros(len(last), np.int64)
    for digit in range(int((last - first).max()) + 1):
        place = first + digit
        has_it = place <= last
        numbers[has_it] |= (codes[place[has_it]].astype(np.int64) & 31) << (5 * digit)
    is_negative = codes[last] & 16 > 0
    numbers[is_negative] -= np.int64(1) << (5 * (last - first + 1)[is_negative])
    return numbers


def _undone(stored: Integers, number: int, before: list[int]) -> Integers:
    """The lengths of which `stored` has differences; the first has this `number`, and `before` is updated."""
    lengths = stored.copy()
    for parity in (0, 1):
        # The first three lengths are no differences: the sums of odd ones begin with 1, of even ones with 2.
        own = lengths[parity::2]
        which = number + parity
        if not len(own):
            continue
        if which == 0:
            own[1:] = np.cumsum(own[1:])
        else:
            own[:] = np.cumsum(own) + (before[parity] if which > 2 else 0)
    together = [*before, *lengths[-2:].tolist()]
    before[:] = together[-2:]
    return lengths


def _vertices(ring: Any) -> Numbers:
    """(V, 2), the vertices of a ring, int64 if all are such integers, else float64."""
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


def _of_rings(rings: Sequence[Numbers], box: Box, crossings: Crossings) -> Mask:
    """The mask of the pixels whose centres lie in an odd number of rings."""
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


def _of_png(text: str, box: Box) -> Mask:
    """The mask in a PNG of the box, in base64."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise UnusableObjects("its mask is text, but not base64") from error
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.size != box[2:] or image.mode not in ("1", "L"):
                raise UnusableObjects(
                    f"its mask must be a black and white PNG of its box, {box[2]} x {box[3]} pixels"
                )
            return (np.asarray(image.convert("L")) >= 128).astype(np.uint8)
    except UnusableObjects:
        raise
    # Hostile bytes make Pillow raise nearly anything.
    except Exception as error:
        raise UnusableObjects("its mask is not a PNG that can be read") from error
