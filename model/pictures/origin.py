"""Origin: a decoded picture's place in its file, and what the file says about it."""

from __future__ import annotations

from dataclasses import dataclass

from model.pictures.axes import NOT_TOLD, Axes
from model.pictures.projection import Projection


@dataclass(frozen=True)
class Origin:
    """Where a decoded picture comes from.

    Attributes:
        pages: how many pages or frames the file has, without thumbnails, reduced copies and masks.
        page: the page that was decoded, counted from 0; None if all of them were combined.
        projection: how the pages were combined.
        channels: how many channels the picture has in the file, which `channel` chooses from.
        pixel_size: (x, y), the width and height of a pixel of the whole, upright picture, in micrometres;
            None if the file does not say.
        axes: what the pages of the file stand for, and its channels' names.
    """

    pages: int
    page: int | None
    channels: int
    projection: Projection = "none"
    pixel_size: tuple[float, float] | None = None
    axes: Axes = NOT_TOLD
