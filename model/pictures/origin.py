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

    @property
    def channels(self) -> int:
        """How many channels the pages run through; 1 if they do not, or if the file does not say."""
        return dict(self.of_pages).get("c", 1)

    def is_of_channel(self, page: int, channel: int) -> bool:
        """Whether a page is of one of these channels; both are counted from 0."""
        for name, size in self.of_pages:
            if name == "c":
                return page % size == channel
            page //= size
        return channel == 0


NOT_TOLD = Axes()


@dataclass(frozen=True)
class Origin:
    """Where a decoded picture comes from.

    Attributes:
        pages: how many pages or frames the file has, without thumbnails, reduced copies and masks.
        page: the page that was decoded, counted from 0; None if all of them were combined.
        projection: how the pages were combined.
        channels: how many channels the picture has in the file, which `channel` chooses from; of a projection
            of pages that run through channels, how many these are.
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
