"""Marks: finds scale bars, writing and borders that software drew into the pixels."""

from __future__ import annotations

import math
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from model.pictures.blocks import native, row_blocks

End = Literal["low", "high"]
"""An end of a range."""

Mask = npt.NDArray[np.uint8]
"""(H, W) of 0 and 1."""

# The smallest bar, in pixels. A saturated nucleus is flat inside too, but is not a rectangle with a side this
# long.
_BAR_LENGTH, _BAR_THICKNESS = 12, 2

# Share of its bounding box that a bar fills, as blur rounds its corners. An ellipse fills 0.79.
_FILLED = 0.95

# Least share of the pixels with the value of a bar that lie in bars. The rest may be writing. In photos, the
# share is lower: JPEG makes small rectangles in their blocks.
_IN_BARS = 0.25

# Noise has too many parts to examine each.
_MOST_PARTS = 10_000

# Share of a side of the picture, from a corner on, that a border covers at least. Each of the black triangles
# around a picture that was rotated about its centre covers more.
_BORDER = 0.125

# Shares of the range by which the values of marks may differ. Except for JPEG artefacts, a border and sharp
# writing have a single value; the sky of a photo is less even. Noise, resizing and blur make the values of a
# bar differ. Only part of its outermost row may reach the larger of the two shares, so the number of pixels
# between the two is limited, too.
_TOLERANCE = 0.06
_BAR_TOLERANCE, _NARROW_BAR_TOLERANCE = 0.3, 0.15
_MOST_BETWEEN = 0.5

# Smooth writing is everything brighter than half the range, if more than a few of its pixels are nearly
# white. A thin object has a single brightest spot.
_SMOOTH_TOLERANCE = 0.5
_FULL, _LEAST_FULL = 0.2, 0.25

# Marks include three pixels around them, where smooth edges, blur, resizing and JPEG leave values in between.
_MARGIN = 3
_AND_MARGIN = np.ones((2 * _MARGIN + 1, 2 * _MARGIN + 1), np.uint8)

# The strokes of writing are five pixels long or more, and seldom more than two thick. In a flat object, such
# as a simulated one, most pixels have neighbours on all sides. A thin saturated nucleus has slopes around it.
_STROKES = np.ones((1, 5), np.uint8), np.ones((5, 1), np.uint8)
_LEAST_IN_STROKES = 0.25
_AROUND = np.ones((3, 3), np.uint8)
_MOST_INSIDE = 0.5

# Shares of the range next to the value of writing in which hardly any pixels lie: at most `_MOST_IN_GAP` for
# each pixel of the writing. For smooth edges, pixels within the margin are not counted.
_GAP, _SMOOTH_GAP = 0.3, 0.8
_MOST_IN_GAP = 0.05


def bars_at(
    values: npt.NDArray[np.generic], low: float, high: float, end: End, known: Mask | None = None
) -> Mask | None:
    """Return where pixels have the lowest or highest value if enough of them are bars; otherwise None.

    A bar is a filled rectangle. If there is one, all pixels with its value and those around them are marks.

    Args:
        values: (H, W, C); a pixel is included if any channel has the value.
        low: the low end of the range.
        high: the high end of the range.
        end: which end to look at.
        known: marks that were found before, which are not counted again.
    """
    ends = _near_end(values, low, high, end, _BAR_TOLERANCE, known)
    if not _may_be_marks(ends):
        return None
    if _has_bar(ends, known):
        return _and_margin(ends)
    narrow = _near_end(values, low, high, end, _NARROW_BAR_TOLERANCE, known)
    is_flat = cv2.countNonZero(ends) <= (1 + _MOST_BETWEEN) * cv2.countNonZero(narrow)
    return _and_margin(ends) if is_flat and _has_bar(narrow, known) else None


def borders_or_writing_at(
    values: npt.NDArray[np.generic], low: float, high: float, end: End, known: Mask | None = None
) -> Mask | None:
    """Return where pixels have the lowest or highest value if they are a border or writing; otherwise None.

    A border lies along a side of the picture, starting at a corner. Writing consists of thin strokes, and
    hardly any values lie between it and the rest. A thin object, or one at the edge, may look like either.

    Args:
        values, low, high, end, known: as in `bars_at`.
    """
    ends = _near_end(values, low, high, end, _TOLERANCE, known)
    if _may_be_marks(ends):
        if _has_border(ends):
            marks = _and_margin(ends)
            # The black triangles of a rotated picture end in long tips of intermediate values.
            marks[:_MARGIN] = marks[-_MARGIN:] = marks[:, :_MARGIN] = marks[:, -_MARGIN:] = 1
            return marks
        if _is_of_strokes(ends):
            in_gap = _near_end(values, low, high, end, _GAP, known)
            if cv2.countNonZero(in_gap) <= (1 + _MOST_IN_GAP) * cv2.countNonZero(ends):
                return _and_margin(ends)
    smooth = _near_end(values, low, high, end, _SMOOTH_TOLERANCE, known)
    if not _may_be_marks(smooth) or not _is_of_strokes(smooth):
        return None
    count = cv2.countNonZero(smooth)
    full = _near_end(values, low, high, end, _FULL, known)
    marks, in_gap = _and_margin(smooth), _near_end(values, low, high, end, _SMOOTH_GAP, known)
    in_gap[marks == 1] = 0
    is_writing = cv2.countNonZero(full) >= _LEAST_FULL * count
    return marks if is_writing and cv2.countNonZero(in_gap) <= _MOST_IN_GAP * count else None


def _may_be_marks(ends: Mask) -> bool:
    """Whether the pixels are at least as many as in the smallest bar, and too few for the background."""
    return _BAR_LENGTH * _BAR_THICKNESS <= cv2.countNonZero(ends) <= ends.size / 2


def _and_margin(ends: Mask) -> Mask:
    return np.asarray(cv2.dilate(ends, _AND_MARGIN), np.uint8)


def _near_end(
    values: npt.NDArray[np.generic], low: float, high: float, end: End, share: float, known: Mask | None
) -> Mask:
    """Return where any channel has a value within `share` of the range from its end, or beyond the end.

    Known marks are not included.
    """
    away = share * high - share * low
    bound = low + away if end == "low" else high - away
    if values.dtype.kind in "ui":  # NumPy compares integers fast only with integers
        bound = math.floor(bound) if end == "low" else math.ceil(bound)
    near = np.zeros(values.shape[:2], np.uint8)
    for rows in row_blocks(near.shape):
        for index in range(values.shape[2]):
            block = np.ascontiguousarray(native(values[rows, :, index]))
            near[rows] |= block <= bound if end == "low" else block >= bound
    if known is not None:
        near[known == 1] = 0
    return near


def _has_border(ends: Mask) -> bool:
    """Whether enough of a side of the picture is covered, starting at a corner."""
    for side in (ends[0], ends[-1], ends[:, 0], ends[:, -1]):
        length = max(_BAR_LENGTH, math.ceil(_BORDER * side.size))
        if side.size >= length and (side[:length].all() or side[-length:].all()):
            return True
    return False


def _has_bar(ends: Mask, known: Mask | None) -> bool:
    """Whether enough of the pixels lie in long rectangles, which known marks may partly cover."""
    in_bars = sum(
        _pixels_in_bars(ends[rows], None if known is None else known[rows]) for rows in row_blocks(ends.shape)
    )
    return in_bars >= max(1, _IN_BARS * cv2.countNonZero(ends))


def _pixels_in_bars(ends: Mask, known: Mask | None) -> int:
    """Return how many of the pixels lie in parts that are long rectangles."""
    smallest = (_BAR_THICKNESS, _BAR_LENGTH)
    if not any(cv2.countNonZero(cv2.erode(ends, np.ones(s, np.uint8))) for s in (smallest, smallest[::-1])):
        return 0
    outlines, _ = cv2.findContours(ends, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    if len(outlines) > _MOST_PARTS:
        return 0
    in_bars = 0
    for outline in outlines:
        left, top, width, height = cv2.boundingRect(outline)
        if max(width, height) < _BAR_LENGTH or min(width, height) < _BAR_THICKNESS:
            continue
        box = slice(top, top + height), slice(left, left + width)
        # The outline runs through the centres of pixels.
        filled = cv2.contourArea(outline) / ((width - 1) * (height - 1))
        if known is not None and known[box].any():
            filled = float(np.maximum(ends[box], known[box]).mean())
        if filled >= _FILLED:
            in_bars += cv2.countNonZero(ends[box])
    return in_bars


def _is_of_strokes(ends: Mask) -> bool:
    """Whether the pixels form long, thin strokes."""
    count = cv2.countNonZero(ends)
    blocks = [ends[rows] for rows in row_blocks(ends.shape)]
    if sum(cv2.countNonZero(cv2.erode(block, _AROUND)) for block in blocks) >= _MOST_INSIDE * count:
        return False
    in_strokes = 0
    for block in blocks:
        across, down = (cv2.morphologyEx(block, cv2.MORPH_OPEN, stroke) for stroke in _STROKES)
        in_strokes += cv2.countNonZero(cv2.bitwise_or(across, down))
    return in_strokes >= _LEAST_IN_STROKES * count
