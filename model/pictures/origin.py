"""Origin: a decoded picture's place in its file, and what the file says about it."""

from __future__ import annotations

from dataclasses import dataclass

from model.pictures.projection import Projection


@dataclass(frozen=True)
class Axes:
    """What a TIFF says about its pages and channels.

    Attributes:
        of_pages: (name, size) of each axis that the pages run through, the one that changes fastest first:
            "c" for channels, "z" for slices and "t" for time. Empty if the file does not say.
        channel_names: the name of each channel, "" for one without; empty if the file does not say.
    """

    of_pages: tuple[tuple[str, int], ...] = ()
    channel_names: tuple[str, ...] = ()


NOT_TOLD = Axes()


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
