"""Origin: which of a file's pictures one is, and what the file says of it beside its pixels."""

from __future__ import annotations

from dataclasses import dataclass

from model.pictures.projection import Projection


@dataclass(frozen=True)
class Origin:
    """Where a decoded picture comes from.

    Attributes:
        pages: how many pages or frames its file has; thumbnails, reduced copies and masks are none.
        page: which of them it is, from 0; None where it was made of all of them.
        projection: how it was made of them.
        channels: how many it has in the file: those that `channel` chooses from.
        pixel_size: (x, y), how wide and high a pixel of the whole picture is, upright, in micrometres; None
            where the file does not tell.
    """

    pages: int
    page: int | None
    channels: int
    projection: Projection = "none"
    pixel_size: tuple[float, float] | None = None
