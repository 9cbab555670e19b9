"""Which way up: whether a photo was annotated upright, as its EXIF orientation asks, or as it is stored.

Annotation tools do either. A picture that is turned without its masks teaches nonsense, so both are turned or
neither is: the picture is read as the tool showed it.
"""

from __future__ import annotations

from collections.abc import Callable

from model.data.reading import Exif
from model.pictures import Header

_TURNS = {
    2: "mirrored",
    3: "turned by 180°",
    4: "upside down and mirrored",
    5: "turned by 90° and mirrored",
    6: "turned by 90°",
    7: "turned by 90° and mirrored",
    8: "turned by 90°",
}

WHAT_TO_SAY = (
    "Look at one in the tool that it was annotated with: say --exif apply if it stands upright there, "
    "--exif ignore if it does not"
)


def ways_that_fit(header: Header, fits: Callable[[tuple[int, int]], bool]) -> tuple[Exif, ...]:
    """The ways in which a picture has the size that its annotations were drawn for.

    Args:
        header: of the picture.
        fits: whether the annotations can be those of a picture of this (width, height).
    """
    if header.orientation == 1:  # both ways are one
        return ("apply",) if fits(header.upright) else ()
    sizes: tuple[tuple[Exif, tuple[int, int]], ...] = (("apply", header.upright), ("ignore", header.stored))
    return tuple(way for way, size in sizes if fits(size))


def turn_of(header: Header) -> str:
    """What the orientation does to the picture, for messages."""
    return f"{_TURNS[header.orientation]} (EXIF orientation {header.orientation})"
