"""HEIF: limits how many pixels a HEIC or AVIF makes its decoder process, whatever the size of the result.

A phone's photo is a grid of tiles. A decoder decodes every tile that a grid names, as often as it is named
and at any size, and also grids of grids: 1 kB can demand hours of decoding. AV1 frames also have their own
size: libavif decodes at that size, then scales the frame to the size in the boxes. libheif checks the size of
HEVC before it allocates memory.
"""

from __future__ import annotations

import math
import struct

from model.pictures.av1 import FrameSizes
from model.pictures.avif_tracks import read_tracks
from model.pictures.heif_boxes import Items, read_items
from model.pictures.limits import BrokenPicture, Limits, check_size, check_work

# Encoders round sides up to whole blocks of 64 pixels, and the container crops the frame.
_ROUNDED_UP = 63

# In a photo made of tiles: the canvas, and the tiles together.
_USUAL_PAGES = 2

_AV1, _GRID, _OVERLAY, _EXIF = b"av01", b"grid", b"iovl", b"Exif"

# Pillow unpacks an AVIF's EXIF if the boxes declare a different orientation. A JPEG's has at most 64 kB.
_MOST_EXIF_BYTES = 1 << 18


def check(data: bytes, limits: Limits) -> int:
    """Raise unless each picture in a HEIC or AVIF, including hidden ones, can be decoded within the limits.

    Returns:
        About how many pages of a picture's size are decoded in addition to those that are shown: 0 for files
        as cameras and encoders write them.

    Raises:
        PictureTooLarge: a picture is too large, or consists of too many others.
        TooManyFrames: an animation has too many frames.
        BrokenPicture: the boxes are inconsistent, or contradict their content.
    """
    try:
        items = read_items(data)
        _check_places(items, len(data))
        _read_canvases(data, items)
        beside = max(_check_coded(data, items, limits), _check_tracks(data, limits))
    except (struct.error, IndexError, KeyError) as error:
        raise BrokenPicture("the picture is truncated or corrupt: its boxes are inconsistent") from error
    for size in items.sizes.values():
        _check_rounded(size, limits)
    work: dict[int, int] = {}
    for item, size in items.sizes.items():
        pixels = _work(item, items, work, frozenset())
        check_work(pixels, limits)
        beside = max(beside, _pages(pixels, size) - _USUAL_PAGES)
    return min(beside, limits.max_frames)


def _pages(pixels: int, size: tuple[int, int]) -> int:
    """Return how many pages of that size so many pixels fill."""
    return pixels // max(1, math.prod(size))


def _check_rounded(size: tuple[int, int], limits: Limits) -> None:
    if max(1, size[0] - _ROUNDED_UP) * max(1, size[1] - _ROUNDED_UP) > limits.max_pixels:
        check_size(size, limits)


def _check_places(items: Items, file_bytes: int) -> None:
    """Raise if items overlap, because decoders copy each one: all of them could span the whole file."""
    lengths = {item: sum(end - start for start, end in places) for item, places in items.places.items()}
    if sum(lengths.values()) > 2 * file_bytes:
        raise BrokenPicture("the picture is corrupt: the items in it overlap")
    if any(lengths.get(item, 0) > _MOST_EXIF_BYTES for item, kind in items.kinds.items() if kind == _EXIF):
        raise BrokenPicture(f"the picture's EXIF has more than {_MOST_EXIF_BYTES:,} bytes, the maximum")


def _content(data: bytes, items: Items, item: int) -> memoryview:
    places = items.places.get(item, [])
    if len(places) == 1:
        return memoryview(data)[slice(*places[0])]
    return memoryview(b"".join(data[start:end] for start, end in places))


def _read_canvases(data: bytes, items: Items) -> None:
    """Record the sizes that grids and overlays declare in their own content."""
    for item, kind in items.kinds.items():
        if kind in (_GRID, _OVERLAY) and item in items.places:
            content = _content(data, items, item)
            code = ">II" if content[1] & 1 else ">HH"
            items.enlarge(item, struct.unpack_from(code, content, 4 if kind == _GRID else 10))


def _check_coded(data: bytes, items: Items, limits: Limits) -> int:
    """Record the sizes in the AV1 of each item; return the most pages that an item has beside the first.

    Raises BrokenPicture if the sizes contradict the boxes.
    """
    beside = 0
    for item, kind in items.kinds.items():
        if kind != _AV1:
            continue
        sizes = FrameSizes()
        for size in sizes.read(_content(data, items, item)):
            _check_contradiction(size, items.sizes.get(item), limits)
            items.enlarge(item, size)
        check_work(sizes.pixels, limits)  # all frames in an item are decoded, even if only one is shown
        beside = max(beside, _pages(sizes.pixels, items.sizes.get(item, (0, 0))) - 1)
    return beside


def _check_tracks(data: bytes, limits: Limits) -> int:
    """Raise unless an animation's frames are within the limits; return how many hidden ones are unusual."""
    beside = 0
    for track in read_tracks(data, limits.max_frames):
        check_size(track.size, limits)
        sizes = FrameSizes()
        for start, end in track.frames:
            for coded in sizes.read(memoryview(data)[start:end]):
                _check_contradiction(coded, track.size, limits)
        # Encoders insert a hidden frame now and then, as a reference for the frames shown.
        check_work(sizes.pixels - 2 * len(track.frames) * math.prod(track.size), limits)
        beside = max(beside, _pages(sizes.pixels, track.size) - 2 * len(track.frames))
    return beside


def _check_contradiction(coded: tuple[int, int], said: tuple[int, int] | None, limits: Limits) -> None:
    """Raise unless a frame is within the limits and has the size that its container declares."""
    _check_rounded(coded, limits)
    if said and (coded[0] > said[0] + _ROUNDED_UP or coded[1] > said[1] + _ROUNDED_UP):
        raise BrokenPicture(
            f"the AVIF picture is corrupt: its header declares {said[0]} x {said[1]} pixels, but its AV1 data"
            f" has {coded[0]} x {coded[1]}"
        )


def _work(item: int, items: Items, known: dict[int, int], above: frozenset[int]) -> int:
    """Return how many pixels are decoded for an item, including its parts."""
    if item in above or len(above) > 8:
        raise BrokenPicture("the picture is corrupt: a part of it contains itself")
    if item not in known:
        width, height = items.sizes.get(item, (0, 0))
        made_of = (_work(part, items, known, above | {item}) for part in items.parts.get(item, []))
        known[item] = width * height + sum(made_of)
    return known[item]
