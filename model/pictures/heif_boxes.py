"""HEIF boxes: how many pixels a HEIC makes its decoder go over, whatever the size of what comes out.

A phone's photo is a grid of tiles. libheif decodes every tile that a grid names, as often as it is named, of
any size, in grids of grids: 1 kB can ask for hours.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from model.pictures.limits import BrokenPicture, Limits, check_size, check_work

# A phone's photo of 200 tiles has some 20 kB.
_MOST_META_BYTES = 1 << 20

# Encoders round sides up to whole blocks of 64, and the container cuts off what is too much.
_ROUNDED_UP = 63

_DERIVED = b"dimg"  # a reference from a grid or an overlay to what it is made of

Box = tuple[bytes, int, int]
"""A box's kind and where its content begins and ends."""


def check_items(data: bytes, limits: Limits) -> None:
    """Raise unless each picture in a HEIC, hidden ones too, can be decoded within the limits.

    Raises:
        PictureTooLarge: one is too large, or made of too many others.
        BrokenPicture: the boxes make no sense.
    """
    try:
        sizes, parts = _sizes_and_parts(data)
    except struct.error as error:
        raise BrokenPicture("the HEIF picture is truncated or corrupt") from error
    for width, height in sizes.values():
        check_size((max(1, width - _ROUNDED_UP), max(1, height - _ROUNDED_UP)), limits)
    work: dict[int, int] = {}
    for item in sizes:
        check_work(_work(item, sizes, parts, work, frozenset()), limits)


def _work(
    item: int,
    sizes: dict[int, tuple[int, int]],
    parts: dict[int, list[int]],
    known: dict[int, int],
    above: frozenset[int],
) -> int:
    """How many pixels are decoded for an item, with all it is made of."""
    if item in above or len(above) > 8:
        raise BrokenPicture("the HEIF picture is corrupt: a picture in it is made of itself")
    if item not in known:
        width, height = sizes.get(item, (0, 0))
        made_of = (_work(part, sizes, parts, known, above | {item}) for part in parts.get(item, []))
        known[item] = width * height + sum(made_of)
    return known[item]


def _sizes_and_parts(data: bytes) -> tuple[dict[int, tuple[int, int]], dict[int, list[int]]]:
    """(width, height) of each item of a HEIC, and of which others it is made."""
    sizes: dict[int, tuple[int, int]] = {}
    parts: dict[int, list[int]] = {}
    for kind, start, end in _boxes(data, 0, len(data)):
        if kind != b"meta":
            continue
        if end - start > _MOST_META_BYTES:
            raise BrokenPicture(
                "the HEIF picture is of a rare kind that is not accepted: over 1 MiB of boxes"
            )
        for inner in _boxes(data, start + 4, end):
            if inner[0] == b"iprp":
                sizes |= _sizes(data, inner)
            elif inner[0] == b"iref":
                for item, more in _parts(data, inner):
                    parts.setdefault(item, []).extend(more)
    return sizes, parts


def _sizes(data: bytes, properties: Box) -> dict[int, tuple[int, int]]:
    boxes = list(_boxes(data, properties[1], properties[2]))
    size_of_property: dict[int, tuple[int, int]] = {}
    for kind, start, end in boxes:
        if kind == b"ipco":
            for number, (name, at, _) in enumerate(_boxes(data, start, end), 1):
                if name == b"ispe":
                    size_of_property[number] = struct.unpack_from(">II", data, at + 4)
    sizes: dict[int, tuple[int, int]] = {}
    for kind, start, _ in boxes:
        if kind != b"ipma":
            continue
        version, wide = data[start], data[start + 3] & 1
        entry = struct.Struct(">IB" if version else ">HB")
        (count,) = struct.unpack_from(">I", data, start + 4)
        at = start + 8
        for _ in range(count):
            item, associations = entry.unpack_from(data, at)
            at += entry.size
            numbers = struct.unpack_from(f">{associations}{'H' if wide else 'B'}", data, at)
            at += associations * (2 if wide else 1)
            for number in numbers:
                size = size_of_property.get(number & (0x7FFF if wide else 0x7F))
                if size:
                    sizes[item] = max(size, sizes.get(item, size), key=lambda sides: sides[0] * sides[1])
    return sizes


def _parts(data: bytes, references: Box) -> Iterator[tuple[int, tuple[int, ...]]]:
    _, start, end = references
    code = "I" if data[start] else "H"
    for kind, at, _ in _boxes(data, start + 4, end):
        if kind == _DERIVED:
            item, count = struct.unpack_from(f">{code}H", data, at)
            yield item, struct.unpack_from(f">{count}{code}", data, at + struct.calcsize(f">{code}H"))


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes that lie in data[start:end], one after the other."""
    while start + 8 <= end:
        length, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        elif length == 0:
            length = end - start
        if length < head:
            raise BrokenPicture("the HEIF picture is truncated or corrupt")
        yield kind, start + head, min(start + length, end)
        start += length
