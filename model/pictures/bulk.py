"""Bulk: the range of a picture's values, without what is no part of what was seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from model.pictures.blocks import native, row_blocks
from model.pictures.marks import End, Mask, bars_at, borders_or_writing_at

# What may lie outside the range: one pixel in 10,000 at each end.
_OUTLIERS = 1e-4

# Beside marks, ten times as many: what is left of smooth writing.
_LEFT_OVER = 1e-3

# How many times as long the range with marks is as that without them, at least. Where a bar is 1.4
# times as bright as all else, nuclei lose no more than 0.01 of their AP50.
_FAR = 1.5

# Values of marks at one end of the range: white writing in a grey box, say.
_MOST_MARKS = 3

# Fewer different values are those of a mask or a label map, in which flat areas are all there is.
_LEAST_VALUES = 8

# Noise alone has a range of 7 to 9 times its standard deviation. What lies next to writing does not count:
# the halo of an object that is none.
_LEAST_SEEN = 10
_NEXT_TO = np.ones((21, 21), np.uint8)

_SQUARE = np.ones((2, 2), np.uint8)

# Pixels: in smaller pictures, what lies around marks is a good part of all.
_LEAST_SIDE = 32

# Pixels that are looked at to see whether there may be marks at all.
_SAMPLE = 1 << 16


@dataclass(frozen=True)
class Bulk:
    """The range of a picture's values.

    Attributes:
        low: the lowest.
        high: the highest.
        marks: where pixels are not counted; None where all are.
    """

    low: float
    high: float
    marks: Mask | None = None

    @property
    def half_length(self) -> float:
        """Half of what lies between: the difference of two float64 can overflow."""
        return self.high / 2 - self.low / 2

    def is_far_beyond(self, other: Bulk) -> bool:
        """Whether this range is much longer than the `other` one."""
        return self.half_length >= _FAR * other.half_length


def bulk_of(values: npt.NDArray[np.generic]) -> Bulk | None:
    """The range of a picture's values (H, W, C), of all channels together; None where none is finite.

    A hot or dead pixel of a sensor does not count: up to one pixel in 10,000 at each end lies outside the
    range if no 2 x 2 pixels next to each other do. Marks do not count either, if they are far beyond the
    rest: scale bars, writing and borders (`marks.bars_at`, `marks.borders_or_writing_at`). A saturated part
    of the picture is not far beyond, for slopes lie around it. Beside marks, one pixel in 1,000 may lie
    outside the range if no 3 x 3 pixels do.
    """
    values = _one_of_equal_channels(values)
    ends = _ends_of(values, None)
    if ends is None:
        return None
    found = Bulk(*ends)
    step = math.isqrt(values.shape[0] * values.shape[1] // _SAMPLE) + 1
    sample = _finite(native(values[::step, ::step]))
    if len(np.unique(sample)) < _LEAST_VALUES or min(values.shape[:2]) < _LEAST_SIDE:
        return found
    middle = float(np.median(sample))  # is in the bulk: marks cover less than half
    if found.is_far_beyond(Bulk(found.low, middle)):
        found = _without_marks(values, found, "high")
    if found.is_far_beyond(Bulk(middle, found.high)):
        found = _without_marks(values, found, "low")
    return found


def _without_marks(values: npt.NDArray[np.generic], found: Bulk, end: End) -> Bulk:
    """The range without those marks at one end that are far beyond the rest."""
    for _ in range(_MOST_MARKS):
        without = _without_value(values, found, end)
        # Each time, or a slope would go bit by bit.
        if without is None or without.half_length == 0 or not found.is_far_beyond(without):
            break
        found = without
    return found


def _without_value(values: npt.NDArray[np.generic], found: Bulk, end: End) -> Bulk | None:
    """The range without the marks of the one value at this end; None where there are none."""
    marks = bars_at(values, found.low, found.high, end, found.marks)
    if marks is None:
        marks = borders_or_writing_at(values, found.low, found.high, end, found.marks)
        if marks is None or not _shows_more_than_noise(values, marks):
            return None
    if found.marks is not None:
        np.maximum(marks, found.marks, out=marks)
    ends = _ends_of(values, marks)
    if ends is None:
        return None
    low, high = ends
    return Bulk(low, found.high, marks) if end == "low" else Bulk(found.low, high, marks)


def _shows_more_than_noise(values: npt.NDArray[np.generic], marks: Mask) -> bool:
    """Whether there are objects beside the marks; otherwise, they are the objects."""
    marks = np.asarray(cv2.dilate(marks, _NEXT_TO), np.uint8)
    ends = _ends_of(values, marks)
    if ends is None:
        return False
    step = math.ceil(values.shape[0] * values.shape[1] / _SAMPLE)
    sample = (slice(None, None, step), slice(_SAMPLE))
    rows = native(values[sample]).astype(np.float64) / 2  # halves: the difference of two float64 can overflow
    differences = np.abs(rows[:, 1:] - rows[:, :-1])[(marks[sample][:, 1:] | marks[sample][:, :-1]) == 0]
    # The median of the differences of two values is 0.954 standard deviations.
    noise = float(np.median(_finite(differences))) / 0.954 if differences.size else 0
    return Bulk(*ends).half_length > _LEAST_SEEN * noise


def _one_of_equal_channels(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """One channel (H, W, 1) where an RGB picture is grey, which has the same bulk; else the picture."""
    if values.dtype != np.uint8 or values.shape[2] != 3:
        return values
    for rows in row_blocks(values.shape[:2]):
        red, green, blue = cv2.split(values[rows].view(np.uint8))
        if not (np.array_equal(red, green) and np.array_equal(red, blue)):
            return values
    return np.ascontiguousarray(values[:, :, :1])  # gone through many times


def _ends_of(values: npt.NDArray[np.generic], marks: Mask | None) -> tuple[float, float] | None:
    """The lowest and highest of the finite values, without outliers and marks; None where there are none."""
    height, width, channels = values.shape
    count = int(values.size * (_OUTLIERS if marks is None else _LEFT_OVER)) + 1
    lowest = highest = native(values[:0, 0, 0])
    lows: list[float] = []  # of squares
    highs: list[float] = []
    for rows in row_blocks((height, width * channels), overlap=2):
        block = of_highs = of_lows = np.ascontiguousarray(native(values[rows]))
        own = block[: rows.stop - rows.start - 2]  # without the rows that the next block begins with
        if marks is not None and (marked := marks[rows].astype(bool)).any():
            own = own[~marked[: len(own)]]
            of_highs = np.where(marked[:, :, np.newaxis], _innermost(block.dtype, "low"), block)
            of_lows = np.where(marked[:, :, np.newaxis], _innermost(block.dtype, "high"), block)
        few = _few_of(_finite(own), count)
        lowest, highest = _outermost(lowest, few, count, "low"), _outermost(highest, few, count, "high")
        if marks is not None:  # squares of 3 x 3: smooth writing leaves some of 2 x 2
            of_highs, of_lows = _of_squares(np.maximum, of_highs), _of_squares(np.minimum, of_lows)
        if (squares := _finite(_of_squares(np.maximum, of_highs))).size:
            lows.append(float(squares.min()))
        if (squares := _finite(_of_squares(np.minimum, of_lows))).size:
            highs.append(float(squares.max()))
    if not lowest.size:
        return None
    return min([float(lowest.max()), *lows]), max([float(highest.min()), *highs])


def _few_of(values: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """Some of the values (N,), with the same `count` lowest and highest; all where they are not uint8."""
    if values.dtype != np.uint8 or not values.size:
        return values
    # OpenCV counts levels many times faster than NumPy selects among them.
    of_levels = cv2.calcHist([values], [0], None, [256], (0, 256)).ravel().astype(np.int64)
    return np.repeat(np.arange(256, dtype=np.uint8), np.minimum(of_levels, count))


def _outermost(known: npt.NDArray[Any], values: npt.NDArray[Any], count: int, end: End) -> npt.NDArray[Any]:
    """The `count` lowest or highest of the `known` and these values, in no order."""
    if known.size == count:
        values = values[values < known.max()] if end == "low" else values[values > known.min()]
    values = np.concatenate([known, values])
    if values.size <= count:
        return values
    return np.partition(values, count - 1)[:count] if end == "low" else np.partition(values, -count)[-count:]


def _innermost(dtype: np.dtype[Any], end: End) -> np.generic:
    """A value that is never the one at this end."""
    if dtype.kind == "f":
        return dtype.type(np.inf if end == "low" else -np.inf)
    return dtype.type(np.iinfo(dtype).max if end == "low" else np.iinfo(dtype).min)


def _of_squares(function: np.ufunc, block: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """`function`, np.minimum or np.maximum, of each four pixels that form a square; none in a single row."""
    if block.dtype == np.uint8 and block.size:  # many times faster
        of_four = cv2.dilate if function is np.maximum else cv2.erode
        return np.asarray(of_four(block, _SQUARE)).reshape(block.shape)[1:, 1:]
    pairs = function(block[:-1], block[1:])
    squares: npt.NDArray[Any] = function(pairs[:, :-1], pairs[:, 1:])
    return squares


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The finite values, flat; floats as float64, in which inf is none of them."""
    return values[np.isfinite(values)].astype(np.float64) if values.dtype.kind == "f" else values.ravel()
