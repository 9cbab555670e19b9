"""Bulk: the range of a picture's values, without outliers and without marks such as scale bars."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from model.pictures.blocks import native, row_blocks
from model.pictures.marks import End, Mask, bars_at, borders_or_writing_at

# Share of the pixels at each end that may lie outside the range: one in 10,000.
_OUTLIERS = 1e-4

# The same share once marks are excluded. It is ten times as high, for the remains of smooth writing.
_LEFT_OVER = 1e-3

# Marks are excluded only if the range with them is at least this many times as long as without them. If a
# bar is 1.4 times as bright as everything else, nuclei lose no more than 0.01 of their AP50.
_FAR = 1.5

# The most different values of marks at one end of the range, as of white writing in a grey box.
_MOST_MARKS = 3

# A picture with fewer different values is a mask or a label map, which consists of flat areas only.
_LEAST_VALUES = 8

# In standard deviations of the noise: noise alone has a range of 7 to 9 of them. Pixels next to writing are
# not counted, because an object that only looks like writing has a halo there.
_LEAST_SEEN = 10
_NEXT_TO = np.ones((21, 21), np.uint8)

_SQUARE = np.ones((2, 2), np.uint8)

# Pixels. In smaller pictures, the surroundings of marks are a large part of the whole.
_LEAST_SIDE = 32

# How many pixels are sampled to find out whether there may be marks at all.
_SAMPLE = 1 << 16


@dataclass(frozen=True)
class Bulk:
    """The range of a picture's values.

    Attributes:
        low: the lowest value.
        high: the highest value.
        marks: 1 for each pixel that is not counted; None if all are counted.
    """

    low: float
    high: float
    marks: Mask | None = None

    @property
    def half_length(self) -> float:
        """Half the length of the range: the difference of two float64 values can overflow."""
        return self.high / 2 - self.low / 2

    def is_far_beyond(self, other: Bulk) -> bool:
        """Whether this range is much longer than the `other` one."""
        return self.half_length >= _FAR * other.half_length


def bulk_of(values: npt.NDArray[np.generic]) -> Bulk | None:
    """Return the range of a picture's values (H, W, C), over all channels; None if no value is finite.

    Hot and dead pixels of a sensor are not counted: up to one pixel in 10,000 at each end may lie outside
    the range, but no square of 2 x 2 pixels. Marks (scale bars, writing and borders) are not counted either
    if they are far beyond the other values (`marks.bars_at`, `marks.borders_or_writing_at`). A saturated part
    of the picture is not far beyond them, because slopes surround it. Once marks are excluded, one pixel in
    1,000 may lie outside the range, but no square of 3 x 3 pixels.
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
    middle = float(np.median(sample))  # lies in the bulk, because marks cover less than half
    if found.is_far_beyond(Bulk(found.low, middle)):
        found = _without_marks(values, found, "high")
    if found.is_far_beyond(Bulk(middle, found.high)):
        found = _without_marks(values, found, "low")
    return found


def _without_marks(values: npt.NDArray[np.generic], found: Bulk, end: End) -> Bulk:
    """Return the range without the marks at one end that are far beyond the other values."""
    for _ in range(_MOST_MARKS):
        without = _without_value(values, found, end)
        # Checked at each step, or a slope would be removed bit by bit.
        if without is None or without.half_length == 0 or not found.is_far_beyond(without):
            break
        found = without
    return found


def _without_value(values: npt.NDArray[np.generic], found: Bulk, end: End) -> Bulk | None:
    """Return the range without the marks that have the value at this end; None if there are none."""
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
    """Whether there are objects beside the marks; if not, the supposed marks are the objects."""
    marks = np.asarray(cv2.dilate(marks, _NEXT_TO), np.uint8)
    ends = _ends_of(values, marks)
    if ends is None:
        return False
    step = math.ceil(values.shape[0] * values.shape[1] / _SAMPLE)
    sample = (slice(None, None, step), slice(_SAMPLE))
    rows = native(values[sample]).astype(np.float64) / 2  # halves, as the difference of two can overflow
    differences = np.abs(rows[:, 1:] - rows[:, :-1])[(marks[sample][:, 1:] | marks[sample][:, :-1]) == 0]
    # For normal noise, the median difference of two values is 0.954 standard deviations.
    noise = float(np.median(_finite(differences))) / 0.954 if differences.size else 0
    return Bulk(*ends).half_length > _LEAST_SEEN * noise


def _one_of_equal_channels(values: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Return the picture, or (H, W, 1) of it if it is a grey RGB picture: one channel has the same bulk."""
    if values.dtype != np.uint8 or values.shape[2] != 3:
        return values
    for rows in row_blocks(values.shape[:2]):
        red, green, blue = cv2.split(values[rows].view(np.uint8))
        if not (np.array_equal(red, green) and np.array_equal(red, blue)):
            return values
    return np.ascontiguousarray(values[:, :, :1])  # it is read many times


def _ends_of(values: npt.NDArray[np.generic], marks: Mask | None) -> tuple[float, float] | None:
    """Return the lowest and highest finite values, without outliers and marks; None if there are none."""
    height, width, channels = values.shape
    count = int(values.size * (_OUTLIERS if marks is None else _LEFT_OVER)) + 1
    lowest = highest = native(values[:0, 0, 0])
    lows: list[float] = []  # of squares
    highs: list[float] = []
    for rows in row_blocks((height, width * channels), overlap=2):
        block = of_highs = of_lows = np.ascontiguousarray(native(values[rows]))
        own = block[: rows.stop - rows.start - 2]  # without the first rows of the next block
        if marks is not None and (marked := marks[rows].astype(bool)).any():
            own = own[~marked[: len(own)]]
            of_highs = np.where(marked[:, :, np.newaxis], _innermost(block.dtype, "low"), block)
            of_lows = np.where(marked[:, :, np.newaxis], _innermost(block.dtype, "high"), block)
        few = _few_of(_finite(own), count)
        lowest, highest = _outermost(lowest, few, count, "low"), _outermost(highest, few, count, "high")
        if marks is not None:  # squares of 3 x 3, because smooth writing leaves some of 2 x 2
            of_highs, of_lows = _of_squares(np.maximum, of_highs), _of_squares(np.minimum, of_lows)
        if (squares := _finite(_of_squares(np.maximum, of_highs))).size:
            lows.append(float(squares.min()))
        if (squares := _finite(_of_squares(np.minimum, of_lows))).size:
            highs.append(float(squares.max()))
    if not lowest.size:
        return None
    return min([float(lowest.max()), *lows]), max([float(highest.min()), *highs])


def _few_of(values: npt.NDArray[Any], count: int) -> npt.NDArray[Any]:
    """Return fewer values (N,) with the same `count` lowest and highest; all of them if not uint8."""
    if values.dtype != np.uint8 or not values.size:
        return values
    # OpenCV counts levels many times faster than NumPy selects among them.
    of_levels = cv2.calcHist([values], [0], None, [256], (0, 256)).ravel().astype(np.int64)
    return np.repeat(np.arange(256, dtype=np.uint8), np.minimum(of_levels, count))


def _outermost(known: npt.NDArray[Any], values: npt.NDArray[Any], count: int, end: End) -> npt.NDArray[Any]:
    """Return the `count` lowest or highest of the `known` and the new values, unordered."""
    if known.size == count:
        values = values[values < known.max()] if end == "low" else values[values > known.min()]
    values = np.concatenate([known, values])
    if values.size <= count:
        return values
    return np.partition(values, count - 1)[:count] if end == "low" else np.partition(values, -count)[-count:]


def _innermost(dtype: np.dtype[Any], end: End) -> np.generic:
    """Return a value that is never the extreme at this end."""
    if dtype.kind == "f":
        return dtype.type(np.inf if end == "low" else -np.inf)
    return dtype.type(np.iinfo(dtype).max if end == "low" else np.iinfo(dtype).min)


def _of_squares(function: np.ufunc, block: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Apply np.minimum or np.maximum to each square of 2 x 2 pixels; a single row has none."""
    if block.dtype == np.uint8 and block.size:  # OpenCV is many times faster
        of_four = cv2.dilate if function is np.maximum else cv2.erode
        return np.asarray(of_four(block, _SQUARE)).reshape(block.shape)[1:, 1:]
    pairs = function(block[:-1], block[1:])
    squares: npt.NDArray[Any] = function(pairs[:, :-1], pairs[:, 1:])
    return squares


def _finite(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the finite values (N,), floats as float64."""
    return values[np.isfinite(values)].astype(np.float64) if values.dtype.kind == "f" else values.ravel()
