"""Rows: pages that are hardly pictures, but the rows of one that was saved with its axes in another order."""

from __future__ import annotations

from model.pictures.limits import TooManyFrames, too_many_frames

# Pages as low, or as narrow, as a row of pixels with its channels, and many of them.
_MOST_CHANNELS, _LEAST_ROWS = 16, 8
_LEAST_ASPECT = 8


def look_like_rows(pages: int, size: tuple[int, int]) -> bool:
    """Whether so many pages of that (width, height) are more likely the rows of one picture."""
    low, high = sorted(size)
    return pages >= _LEAST_ROWS and 1 <= low <= _MOST_CHANNELS and high >= _LEAST_ASPECT * low


def too_many_pages(most: int, size: tuple[int, int] | None) -> TooManyFrames:
    """The error about more than `most` pages, all of that (width, height) if it is given."""
    if size is None or not look_like_rows(most + 1, size):
        return too_many_frames(most)
    return too_many_frames(
        most,
        f"; its pages of {size[0]} x {size[1]} pixels look like the rows of one picture whose axes were taken"
        " for others: save it as one page, with the axes height, width, channels",
    )
