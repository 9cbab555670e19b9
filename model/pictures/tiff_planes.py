"""TIFF planes: pictures that lie one behind the other with one directory, which tells of the first alone.

MetaMorph (STK) keeps every stack so, ImageJ those that are too large for the offsets in directories, and
tifffile those written with `truncate`. ImageJ's other stacks look the same once their end is cut off, for it
writes all directories but the first there.
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

_METAMORPH_PLANES = 33629  # has a value for each
_UNCOMPRESSED = 1


class TiffPictures:
    """The pictures of a TIFF, of which the directories are read when they are asked for.

    Raises:
        TooManyFrames: more than the limits allow.
        PictureError: as `picture_offsets`, and as `read_layout` of the first.
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
        """How the picture of that number is stored."""
        if self._planes:
            return self._planes[page]
        return read_layout(self._data, self._offsets[page], self._limits)

    def layouts(self) -> list[Layout]:
        """How each is stored."""
        return [self.layout(page) for page in range(len(self))]


@dataclass(frozen=True)
class _Plane(Layout):
    """How a plane is stored: in one piece, whatever strips the directory has.

    Attributes:
        start: where it begins in the file.
        number: which page it is.
        pages: how many there are to be.
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
                f"the TIFF picture is truncated: it tells of {self.pages:,} pages, and ends before the last"
                f" pixel of page {self.number}"
            )
        return [(self.start + channel * length, length) for channel in range(channels)]


def _planes(layout: Layout, directories: Sequence[int], limits: Limits) -> list[_Plane]:
    """All planes of a page; none where it has no more than one.

    A number that leaves no room for a second one is not that of this file: programs copy descriptions.

    Args:
        layout: of the page.
        directories: where pixels cannot be.
        limits: what the planes may cost.
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
    """How many planes there are, as the programs tell it that keep them so."""
    if _METAMORPH_PLANES in layout.directory:
        return max(1, layout.directory.tags[_METAMORPH_PLANES].count)
    return count_of_planes(description_of(layout.directory), math.prod(layout.size) * layout.channels)


def _start(layout: Layout) -> int | None:
    """Where the pixels of a page begin, if they lie there uncompressed and without gaps; else None."""
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
