"""TIFF pictures: tells a file's pictures from its thumbnails, reduced copies and masks.

Files of cameras (TIFF/EP, DNG, NEF) begin with a thumbnail, and the picture is in one of its SubIFDs. Slide
scanners store smaller copies of a picture in its SubIFDs and after it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from model.pictures.limits import BrokenPicture, check_frame_count
from model.pictures.rows import too_many_pages
from model.pictures.tiff_directory import Directory
from model.pictures.tiff_pages import directory_end, page_offsets

_NEW_SUBFILE_TYPE, _SUBFILE_TYPE, _WIDTH, _LENGTH, _PHOTOMETRIC, _SUB_DIRECTORIES = (
    254,
    255,
    256,
    257,
    262,
    330,
)

# Bits of NewSubfileType; depth maps are from DNG. The older SubfileType is a plain number.
_REDUCED, _MASK, _DEPTH_MAP = 1, 4, 8
_OLD_REDUCED = 2

# Values of PhotometricInterpretation for masks and depth maps.
_NOT_SHOWN = (4, 51177, 52527)

# Raw sensor data: four pixels, each behind one colour filter, count as one pixel of colours.
_MOSAIC, _MOSAIC_PIXELS = 32803, 4

_MOST_SUB_DIRECTORIES = 65_535


def picture_offsets(data: bytes, most: int) -> list[int]:
    """Return the offset of each picture's directory, in the file's order; at least one.

    Full pages are pictures, and so are full pages in the SubIFDs of other pages. If a file has neither, as a
    raw photo, the largest of its pages are the pictures.

    Raises:
        TooManyFrames: there are more than `most` directories.
        BrokenPicture: there is no first page.
    """
    chain = page_offsets(data, most)
    if len(chain) > most:
        raise too_many_pages(most, _size_of_all(data, chain))
    count = len(chain)
    full: dict[int, None] = {}
    others: dict[int, _Page] = {}
    for offset in chain:
        page = _Page.at(data, offset)
        if page.is_full:
            full[offset] = None
            continue
        count += len(page.inner)
        check_frame_count(count, most)
        inner = {
            place: _Page.at(data, place) for place in page.inner if directory_end(data, place) is not None
        }
        full |= {place: None for place, one in inner.items() if one.is_full}
        others |= {offset: page, **inner}
    if full:
        return list(full)
    largest = max(page.pixels for page in others.values())
    return [offset for offset, page in others.items() if page.pixels == largest]


def _size_of_all(data: bytes, chain: list[int]) -> tuple[int, int] | None:
    """Return the (width, height) of the first and the last page if they are equal; else None."""
    try:
        sizes = {_size(Directory.at(data, offset)) for offset in (chain[0], chain[-1])}
    except BrokenPicture:
        return None
    return sizes.pop() if len(sizes) == 1 else None


def _size(directory: Directory) -> tuple[int, int]:
    """Return the (width, height) in the tags."""
    return directory.first(_WIDTH, 0), directory.first(_LENGTH, 0)


@dataclass(frozen=True)
class _Page:
    """What a directory says about its page.

    Attributes:
        is_full: whether it is a picture, and not a smaller copy, a mask or raw sensor data.
        pixels: how many pixels it has, as a measure of its worth as a picture; 0 for a mask.
        inner: the declared offsets of its SubIFDs.
    """

    is_full: bool
    pixels: int
    inner: tuple[int, ...]

    @classmethod
    def at(cls, data: bytes, offset: int) -> _Page:
        try:
            return cls._said_by(Directory.at(data, offset))
        except BrokenPicture:  # other pages may be intact
            return cls(is_full=False, pixels=0, inner=())

    @classmethod
    def _said_by(cls, directory: Directory) -> _Page:
        kind, photometric = directory.first(_NEW_SUBFILE_TYPE, 0), directory.first(_PHOTOMETRIC, 0)
        is_reduced = bool(kind & _REDUCED) or (
            _NEW_SUBFILE_TYPE not in directory and directory.first(_SUBFILE_TYPE, 0) == _OLD_REDUCED
        )
        is_mask = bool(kind & _MASK) or kind == _DEPTH_MAP or photometric in _NOT_SHOWN
        pixels = math.prod(_size(directory))
        if photometric == _MOSAIC:
            pixels //= _MOSAIC_PIXELS
        return cls(
            is_full=not (is_reduced or is_mask or photometric == _MOSAIC),
            pixels=0 if is_mask else pixels,
            inner=directory.numbers(_SUB_DIRECTORIES, _MOST_SUB_DIRECTORIES),
        )
