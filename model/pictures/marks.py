"""Marks: scale bars, writing and borders that software wrote into the pixels, all of one value."""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from model.pictures.blocks import native, row_blocks

End = Literal["low", "high"]
"""Of a range."""

Mask = npt.NDArray[np.uint8]
"""(H, W) of 0 and 1."""

# Pixels: of the smallest bar, and the side of the smallest border, a square in a corner. A saturated nucleus
# is flat inside too, but no rectangle with a side that long.
_BAR_LENGTH, _BAR_THICKNESS = 12, 2
_BORDER = 6

# Share of the range that the values of one mark may differ by: JPEG makes 252 to 255 of 255.
_TOLERANCE = 0.03

# Bars, borders and two pixels around them, in which smooth writing, resizing and JPEG leave values between.
_AND_MARGIN = np.ones((5, 5), np.uint8)

# Writing has strokes six pixels long or more and seldom more than two thick. Of an object that is flat, as
# simulated ones are, most pixels have neighbours all around. A thin saturated nucleus has slopes around it.
_STROKES = np.ones((1, 6), np.uint8), np.ones((6, 1), np.uint8)
_LEAST_IN_STROKES = 0.25
_AROUND = np.ones((3, 3), np.uint8)
_MOST_INSIDE = 0.5

# Shares of the range in which hardly any pixels lie, so many for each one of the writing: next to it if its
# edges are sharp, and beyond two pixels around it if they are smooth.
_GAP, _SMOOTH_GAP = 0.3, 0.8
_MOST_IN_GAP = 0.05


def marks_at(
    values: npt.NDArray[np.generic], low: float, high: float, end: End, known: Mask | None = None
) -> Mask | None:
    """Where the pixels have the lowest or highest value and the shape of marks; None where they have not.

    With a bar (a filled rectangle) or a border (anything flat in a corner of the picture) all pixels of that
    value count, and those around them. Writing alone counts if hardly any values lie between it and the rest.

    Args:
        values: (H, W, C); a pixel counts that has the value in any channel.
        low: of the range.
        high: of the range.
        end: which of them.
        known: marks of other values, which may lie on these.
    """
    ends = _near_end(values, low, high, end, _TOLERANCE)
    count = cv2.countNonZero(ends)
    if not _BAR_LENGTH * _BAR_THICKNESS <= count <= ends.size / 2:  # more than half is the background
        return None
    around = np.asarray(cv2.dilate(ends, _AND_MARGIN), np.uint8)
    filled = ends if known is None else np.maximum(ends, known)
    if _has_corner(ends) or any(_has_bar(ends[rows], filled[rows]) for rows in row_blocks(ends.shape)):
        return around
    if _is_of_strokes(ends, count):
        for marks, gap in ((ends, _GAP), (around, _SMOOTH_GAP)):
            in_gap = _near_end(values, low, high, end, gap)
            in_gap[marks == 1] = 0
            if cv2.countNonZero(in_gap) <= _MOST_IN_GAP * count:
                return marks
    return None


def _near_end(values: npt.NDArray[np.generic], low: float, high: float, end: End, share: float) -> Mask:
    """Where a channel has a value within that share of the range from its end, or beyond it."""
    away = share * high - share * low
    bound = low + away if end == "low" else high - away
    if values.dtype.kind in "ui":  # NumPy compares whole numbers fast with whole numbers only
        bound = math.floor(bound) if end == "low" else math.ceil(bound)
    near = np.zeros(values.shape[:2], np.uint8)
    for rows in row_blocks(near.shape):
        for index in range(values.shape[2]):
            block = np.ascontiguousarray(native(values[rows, :, index]))
            near[rows] |= block <= bound if end == "low" else block >= bound
    return near


def _has_corner(ends: Mask) -> bool:
    """Whether a corner of the picture is flat."""
    height, width = ends.shape
    return any(
        ends[rows, columns].all()
        for rows in (slice(_BORDER), slice(max(0, height - _BORDER), None))
        for columns in (slice(_BORDER), slice(max(0, width - _BORDER), None))
    )


def _has_bar(ends: Mask, filled: Mask) -> bool:
    """Whether a part that hangs together is a long rectangle, all of it filled."""
    smallest = (_BAR_THICKNESS, _BAR_LENGTH)
    # Of noise there are too many parts to look at each.
    if not any(cv2.countNonZero(cv2.erode(ends, np.ones(s, np.uint8))) for s in (smallest, smallest[::-1])):
        return False
    _, _, parts, _ = cv2.connectedComponentsWithStats(ends, connectivity=4)
    left, top, width, height, area = parts[1:].T
    is_long = (np.maximum(width, height) >= _BAR_LENGTH) & (np.minimum(width, height) >= _BAR_THICKNESS)
    above = cv2.integral(filled)  # for each corner of a pixel, how many lie above and to the left
    right, bottom = left + width, top + height
    covered = above[bottom, right] - above[top, right] - above[bottom, left] + above[top, left]
    return bool((is_long & (2 * area > width * height) & (covered == width * height)).any())


def _is_of_strokes(ends: Mask, count: int) -> bool:
    """Whether most of it is long and thin."""
    inside = in_strokes = 0
    for rows in row_blocks(ends.shape):
        block = ends[rows]
        inside += cv2.countNonZero(cv2.erode(block, _AROUND))
        across, down = (cv2.morphologyEx(block, cv2.MORPH_OPEN, stroke) for stroke in _STROKES)
        in_strokes += cv2.countNonZero(cv2.bitwise_or(across, down))
    return inside < _MOST_INSIDE * count and in_strokes >= _LEAST_IN_STROKES * count
