"""Rows: recognises pages that are the rows of a single picture whose axes were saved in the wrong order."""

from __future__ import annotations

from model.pictures.limits import TooManyFrames, too_many_frames

# Such pages have one side as short as a row of pixels has channels, and there are many of them.
_MOST_CHANNELS, _LEAST_ROWS = 16, 8
_LEAST_ASPECT = 8


def look_like_rows(pages: int, size: tuple[int, int]) -> bool:
    """Whether `pages` pages of that (width, height) are probably the rows of one picture."""
    low, high = sorted(size)
    return pages >= _LEAST_ROWS and 1 <= low <= _MOST_CHANNELS and high >= _LEAST_ASPECT * low


def too_many_pages(most: int, size: tuple[int, int] | None) -> TooManyFrames:
    """Return the error for more than `most` pages, all of (width, height) `size` if it is given."""
    if size is None or not look_like_rows(most + 1, size):
        return too_many_frames(most)
    return too_many_frames(
        most,
        f"; its pages of {size[0]} x {size[1]} pixels look like the rows of one picture whose axes were saved"
        " in the wrong order: save it as one page, with the axes height, width, channels",
    )
