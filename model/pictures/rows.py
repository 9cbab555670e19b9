"""Rows: pages that are hardly pictures, but the rows of one that was saved with its axes in another order."""

from __future__ import annotations

# Pages as low, or as narrow, as a row of pixels with its channels, and many of them.
_MOST_CHANNELS, _LEAST_ROWS = 16, 8
_LEAST_ASPECT = 8


def look_like_rows(pages: int, size: tuple[int, int]) -> bool:
    """Whether so many pages of that (width, height) are more likely the rows of one picture."""
    low, high = sorted(size)
    return pages >= _LEAST_ROWS and 1 <= low <= _MOST_CHANNELS and high >= _LEAST_ASPECT * low
