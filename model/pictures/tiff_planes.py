"""TIFF planes: reads consecutive pictures that share one directory, which describes only the first.

MetaMorph (STK) stores every stack this way, ImageJ stacks that are too large for the offsets in directories,
and tifffile stacks written with `truncate`. ImageJ's other stacks look the same once their end is cut off,
because ImageJ writes all directories except the first one there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from model.pictures.descriptions import count_of_planes, description_of
from model.pictures.limits import BrokenPicture, Limits
from model.pictures.rows import too_many_pages
from model.pictures.tiff_layout import BITS, MOST_PIECES, STRIP_OFFSETS, Layout, read_layout
from model.pictures.tiff_pages import page_offsets
from model.pictures.tiff_pictures import picture_offsets

_METAMORPH_PLANES = 33629  # this tag has one value for each plane
_UNCOMPRESSED = 1


class TiffPictures:
    """The pictures of a TIFF, whose directories are read on demand.

    Raises:
        TooManyFrames: the file has more pictures than the limits allow.
        PictureError: as in `picture_offsets`, and as in `read_layout` for the first picture.
    """

    def __init__(self, data: bytes, limits: Limits) -> None:
        self._data, self._limits = data, limits
        self._offsets = picture_offsets(data, limits.max_frames)
        self._planes: Sequence[_Plane] = ()
        if len(self._offsets) == 1:
            directories = [*page_offsets(data, limits.max_frames), *self._offsets]
            self._planes = _planes(self.layout(0), directories, limits)

    def __len__(self) -> int:
        return len(self._planes or self._offsets)

    def layout(self, page: int) -> Layout:
        """Return how picture number `page` is stored."""
        if self._planes:
            return self._planes[page]
        return read_layout(self._data, self._offsets[page], self._limits)

    def layouts(self) -> list[Layout]:
        """Return how each picture is stored."""
        return [self.layout(page) for page in range(len(self))]


@dataclass(frozen=True)
class _Plane(Layout):
    """How a plane is stored: in one piece, whatever strips the directory has.

    Attributes:
        start: its offset in the file.
        number: its page number.
        pages: how many pages the file declares.
    """

    start: int
    number: int
    pages: int

    @property
    def rows(self) -> int:
        return self.size[1]

    def places(self) -> list[tuple[int, int]]:
        length = self.row_bytes * self.rows
        channels = self.channels if self.in_planes else 1
        if self.start + channels * length > len(self.directory.data):
            raise BrokenPicture(
                f"the TIFF picture is truncated: it declares {self.pages:,} pages, but ends before the last"
                f" pixel of page {self.number}"
            )
        return [(self.start + channel * length, length) for channel in range(channels)]


def _planes(layout: Layout, directories: Sequence[int], limits: Limits) -> list[_Plane]:
    """Return all planes of a page; empty if it has only one.

    A declared number of planes is ignored if the file has no room for a second plane, because programs copy
    descriptions from other files.

    Args:
        layout: the layout of the page.
        directories: the offsets of directories, before which the planes must end.
        limits: the limits on the file.
    """
    count = _count(layout)
    start = None if count == 1 else _start(layout)
    if start is None:
        return []
    size = layout.row_bytes * layout.size[1] * (layout.channels if layout.in_planes else 1)
    end = min((offset for offset in directories if offset > start), default=len(layout.directory.data))
    if size < 1 or start + 2 * size > end:
        return []
    if count > limits.max_frames:
        raise too_many_pages(limits.max_frames, layout.size)
    stored = {field.name: getattr(layout, field.name) for field in fields(layout)}
    return [
        _Plane(**stored, start=start + number * size, number=number, pages=count) for number in range(count)
    ]


def _count(layout: Layout) -> int:
    """Return how many planes there are, as declared by the programs that store them this way."""
    if _METAMORPH_PLANES in layout.directory:
        return max(1, layout.directory.tags[_METAMORPH_PLANES].count)
    return count_of_planes(description_of(layout.directory), math.prod(layout.size) * layout.channels)


def _start(layout: Layout) -> int | None:
    """Return the offset of a page's pixels if they are uncompressed and without gaps; else None."""
    if layout.compression != _UNCOMPRESSED or layout.tile is not None or layout.is_for_libtiff:
        return None
    offsets = layout.directory.numbers(STRIP_OFFSETS, MOST_PIECES)
    if not offsets or offsets[0] < 1 or len(set(layout.directory.numbers(BITS))) > 1:
        return None
    without_gaps = [
        offsets[0] + layout.row_bytes * (channel * layout.size[1] + piece * layout.rows)
        for channel in range(layout.channels if layout.in_planes else 1)
        for piece in range(layout.pieces)
    ]
    return offsets[0] if list(offsets) == without_gaps else None
