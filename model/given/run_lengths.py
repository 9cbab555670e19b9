"""Run lengths of given objects: read into their boxes, without a mask of the whole image."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from model.given.complaints import UnusableObjects
from model.results.masks import Mask

Box = tuple[int, int, int, int]  # x, y, width, height
Integers = npt.NDArray[np.int64]

_PIECE = 1 << 20  # characters that are processed at once
_LONGEST_RUN = 6  # characters: 30 bits, more than any picture has pixels


def of_runs(counts: str, box: Box, size: tuple[int, int]) -> Mask:
    """The mask in COCO's compressed run lengths, uint8 (height, width) of 0 and 1, of its box.

    Args:
        counts: the text, which may be hostile.
        box: within the image.
        size: (width, height) of the image.

    Raises:
        UnusableObjects: the lengths do not add up to the image's pixels, or some are outside the box.
    """
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
