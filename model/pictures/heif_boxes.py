"""HEIF boxes: reads which pictures a HEIC or AVIF contains, including hidden ones, from its boxes."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from model.pictures.limits import BrokenPicture, PictureTooLarge

# A phone's photo of 200 tiles has about 20 kB.
_MOST_META_BYTES = 1 << 20

# For each item, libavif searches all items, so that its time grows with the square of their number. 50
# megapixels in tiles of 256 x 256 are 763 items, and twice as many with opacity.
_MOST_ITEMS = 2000

_MOST_BOXES = 10_000  # side by side; a photo has about a hundred

_DERIVED = b"dimg"  # a reference from a grid or an overlay to its parts
_IN_FILE, _IN_BOX = 0, 1  # where an item's bytes may be


@dataclass(frozen=True)
class Box:
    """A box: its kind, and the start and end of its content."""

    kind: bytes
    start: int
    end: int


@dataclass
class Items:
    """What the boxes say about a file's items, each by item number.

    Attributes:
        kinds: how the item is coded, or how it is derived from others.
        sizes: its (width, height); the largest if several are given.
        parts: the items that a grid or an overlay consists of, in order and as often as it names them.
        places: the start and end of each extent of the item's bytes in the file.
    """

    kinds: dict[int, bytes] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    parts: dict[int, list[int]] = field(default_factory=dict)
    places: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def enlarge(self, item: int, size: tuple[int, int]) -> None:
        """Record the size of an item, unless a larger one is known."""
        self.sizes[item] = max(size, self.sizes.get(item, size), key=lambda sides: sides[0] * sides[1])


def read_items(data: bytes) -> Items:
    """Return the items of a file.

    Raises:
        PictureTooLarge: there are more items than are accepted.
        BrokenPicture: the boxes are inconsistent or too long.
        struct.error: the boxes are cut off.
    """
    items = Items()
    for meta in boxes(data, 0, len(data)):
        if meta.kind != b"meta":
            continue
        inner = list(bounded_boxes(data, meta, 4))
        stored_at = next((box.start for box in inner if box.kind == b"idat"), 0)
        for box in inner:
            if box.kind == b"iprp":
                _read_sizes(data, box, items)
            elif box.kind == b"iref":
                for item, more in _parts(data, box):
                    items.parts.setdefault(item, []).extend(more)
            elif box.kind == b"iinf":
                _read_kinds(data, box, items)
            elif box.kind == b"iloc":
                _read_places(data, box, stored_at, items)
    if max(len(items.kinds), len(items.sizes), len(items.places)) > _MOST_ITEMS:
        raise PictureTooLarge(f"the picture has more than {_MOST_ITEMS:,} items, the maximum")
    return items


def bounded_boxes(data: bytes, box: Box, skipped: int = 0) -> Iterator[Box]:
    """Return the boxes in `box`, after its first `skipped` bytes; raise BrokenPicture if it is too long."""
    if box.end - box.start > _MOST_META_BYTES:
        raise BrokenPicture("the picture is of a rare kind that is not supported: its boxes exceed 1 MiB")
    return boxes(data, box.start + skipped, box.end)


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Yield the consecutive boxes in data[start:end].

    Raises:
        PictureTooLarge: there are more boxes than are accepted.
        BrokenPicture: a box is shorter than its own header.
    """
    count = 0
    while start + 8 <= end:
        count += 1
        if count > _MOST_BOXES:
            raise PictureTooLarge(f"the file has more than {_MOST_BOXES:,} boxes side by side, the maximum")
        length, kind = struct.unpack_from(">I4s", data, start)
        head = 8
        if length == 1:
            (length,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        elif length == 0:
            length = end - start
        if length < head:
            raise BrokenPicture("the picture is truncated or corrupt: its boxes are inconsistent")
        yield Box(kind, start + head, min(start + length, end))
        start += length


def _read_sizes(data: bytes, properties: Box, items: Items) -> None:
    inner = list(boxes(data, properties.start, properties.end))
    size_of_property: dict[int, tuple[int, int]] = {}
    for box in inner:
        if box.kind == b"ipco":
            for number, content in enumerate(boxes(data, box.start, box.end), 1):
                if content.kind == b"ispe":
                    size_of_property[number] = struct.unpack_from(">II", data, content.start + 4)
    for box in inner:
        if box.kind != b"ipma":
            continue
        version, wide = data[box.start], data[box.start + 3] & 1
        entry = struct.Struct(">IB" if version else ">HB")
        (count,) = struct.unpack_from(">I", data, box.start + 4)
        at = box.start + 8
        for _ in range(count):
            item, associations = entry.unpack_from(data, at)
            at += entry.size
            numbers = struct.unpack_from(f">{associations}{'H' if wide else 'B'}", data, at)
            at += associations * (2 if wide else 1)
            for number in numbers:
                if size := size_of_property.get(number & (0x7FFF if wide else 0x7F)):
                    items.enlarge(item, size)


def _parts(data: bytes, references: Box) -> Iterator[tuple[int, tuple[int, ...]]]:
    code = "I" if data[references.start] else "H"
    for box in boxes(data, references.start + 4, references.end):
        if box.kind == _DERIVED:
            item, count = struct.unpack_from(f">{code}H", data, box.start)
            yield item, struct.unpack_from(f">{count}{code}", data, box.start + struct.calcsize(f">{code}H"))


def _read_kinds(data: bytes, infos: Box, items: Items) -> None:
    for box in boxes(data, infos.start + (6 if data[infos.start] == 0 else 8), infos.end):
        if box.kind == b"infe" and data[box.start] >= 2:
            code = ">H2x4s" if data[box.start] == 2 else ">I2x4s"
            item, kind = struct.unpack_from(code, data, box.start + 4)
            items.kinds[item] = kind


def _read_places(data: bytes, locations: Box, stored_at: int, items: Items) -> None:
    """Read where the items lie in the file (ISO/IEC 14496-12, 8.11.3)."""
    version = data[locations.start]
    widths = struct.unpack_from(">BB", data, locations.start + 4)
    offset_bytes, length_bytes, base_bytes = widths[0] >> 4, widths[0] & 15, widths[1] >> 4
    index_bytes = widths[1] & 15 if version else 0
    position = locations.start + 6

    def number(size: int) -> int:
        nonlocal position
        position += size
        if position > locations.end:
            raise BrokenPicture("the picture is truncated or corrupt: its boxes are inconsistent")
        return int.from_bytes(data[position - size : position])

    for _ in range(number(2 if version < 2 else 4)):
        item = number(2 if version < 2 else 4)
        method = number(2) & 15 if version else _IN_FILE
        number(2)  # the index of an external file
        base = number(base_bytes) + (stored_at if method == _IN_BOX else 0)
        for _ in range(number(2)):
            number(index_bytes)
            start = base + number(offset_bytes)
            length = number(length_bytes) or len(data)
            if method not in (_IN_FILE, _IN_BOX) or start > len(data):
                continue
            items.places.setdefault(item, []).append((start, min(start + length, len(data))))
