"""Orientation: whether a photo was annotated upright, rotated as EXIF says, or as it is stored.

Annotation tools do either. Rotating a picture without its masks would spoil training, so the picture is read
in the orientation in which the tool showed it.
"""

from __future__ import annotations

from collections.abc import Callable

from model.data.reading import Exif
from model.pictures import Header

_TURNS = {
    2: "mirrored",
    3: "rotated by 180°",
    4: "upside down and mirrored",
    5: "rotated by 90° and mirrored",
    6: "rotated by 90°",
    7: "rotated by 90° and mirrored",
    8: "rotated by 90°",
}

WHAT_TO_SAY = (
    "Look at such a photo in the tool with which it was annotated: add --exif apply if it is upright there, "
    "--exif ignore if it is not"
)


def ways_that_fit(header: Header, fits: Callable[[tuple[int, int]], bool]) -> tuple[Exif, ...]:
    """The orientations in which a picture has the size for which its annotations were drawn.

    Args:
        header: of the picture.
        fits: whether the annotations can belong to a picture of this (width, height).
    """
    if header.orientation == 1:  # both are the same
        return ("apply",) if fits(header.upright) else ()
    sizes: tuple[tuple[Exif, tuple[int, int]], ...] = (("apply", header.upright), ("ignore", header.stored))
    return tuple(way for way, size in sizes if fits(size))


def turn_of(header: Header) -> str:
    """A description of the picture's orientation, for messages."""
    return f"{_TURNS[header.orientation]} (EXIF orientation {header.orientation})"
