"""TIFF directories: reads the tags of a page within limits, and writes new directories.

Pillow makes a Python object of every value of a tag as soon as it reads the tag: for 20 MB, it makes millions
of objects, which takes a minute.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from model.pictures.limits import BrokenPicture
from model.pictures.tiff_pages import beginning_at, byte_order, is_big

_LONG, _LONG8 = 4, 16
_BYTES = (1, 2, 7)  # types with values of one byte
_RATIO = 5  # type of fractions: two whole numbers

# Types of whole numbers, including offsets → `struct` format.
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}


@dataclass(frozen=True)
class Tag:
    """A tag of a directory.

    Attributes:
        kind: the number of its values' type.
        count: how many values it has.
        entry: its bytes in the directory, which hold the values or their offset in the file.
    """

    kind: int
    count: int
    entry: bytes


@dataclass(frozen=True)
class Directory:
    """The tags of a page by number, and the file that contains their values."""

    data: bytes
    tags: Mapping[int, Tag]

    _most: ClassVar[int] = 65_535

    @classmethod
    def at(cls, data: bytes, offset: int) -> Directory:
        """Return the directory at an offset that `page_offsets` returned."""
        order, big = byte_order(data), is_big(data)
        entry = struct.Struct(order + ("HHQ8x" if big else "HHI4x"))
        (count,) = struct.unpack_from(order + ("Q" if big else "H"), data, offset)
        tags: dict[int, Tag] = {}
        for start in range(offset + (8 if big else 2), len(data) - entry.size + 1, entry.size)[:count]:
            number, kind, values = entry.unpack_from(data, start)
            tags.setdefault(number, Tag(kind, values, data[start : start + entry.size]))
        return cls(data, tags)

    def __contains__(self, number: int) -> bool:
        return number in self.tags

    def numbers(self, number: int, most: int = _most) -> tuple[int, ...]:
        """Return the values of a tag of whole numbers; empty if there is no such tag or it has another type.

        Raises:
            BrokenPicture: it has more than `most` values, or they lie outside the file.
        """
        tag = self.tags.get(number)
        if tag is None or tag.kind not in _WHOLE_NUMBERS:
            return ()
        self.check_count(number, most)
        values = struct.Struct(f"{byte_order(self.data)}{tag.count}{_WHOLE_NUMBERS[tag.kind]}")
        try:
            return values.unpack_from(*self._place(tag, values.size))
        except struct.error as error:
            raise BrokenPicture(
                f"the TIFF picture is truncated or corrupt: values of its tag {number} are missing"
            ) from error

    def first(self, number: int, default: int) -> int:
        """Return a tag's first or only value."""
        return next(iter(self.numbers(number)), default)

    def ratio(self, number: int) -> float | None:
        """Return a tag's first or only value, a fraction; None if there is none or its denominator is 0."""
        tag = self.tags.get(number)
        if tag is None or tag.kind != _RATIO or not tag.count:
            return None
        pair = struct.Struct(byte_order(self.data) + "II")
        buffer, start = self._place(tag, pair.size * tag.count)
        if start + pair.size > len(buffer):
            return None
        over, under = pair.unpack_from(buffer, start)
        return over / under if under else None

    def content(self, number: int) -> bytes | None:
        """Return a tag's bytes; None if there is no such tag or it has another type."""
        tag = self.tags.get(number)
        if tag is None or tag.kind not in _BYTES:
            return None
        buffer, start = self._place(tag, tag.count)
        return buffer[start : start + tag.count]

    def check_count(self, number: int, most: int) -> None:
        """Raise BrokenPicture if a tag has more than `most` values."""
        if number in self.tags and self.tags[number].count > most:
            raise BrokenPicture(
                f"the TIFF picture is corrupt: its tag {number} has {self.tags[number].count:,} values;"
                f" at most {most:,} are valid"
            )

    def _place(self, tag: Tag, size: int) -> tuple[bytes, int]:
        """Return the buffer that contains the values, and their offset in it."""
        long = "Q" if is_big(self.data) else "I"
        room = struct.calcsize("=" + long)
        if size <= room:
            return tag.entry, len(tag.entry) - room
        return self.data, struct.unpack(byte_order(self.data) + long, tag.entry[-room:])[0]


def with_directory(data: bytes, tags: Mapping[int, Sequence[int] | Tag]) -> bytes:
    """Return the file with another directory at its end, to which its header points.

    Args:
        data: the file.
        tags: tag number → whole numbers, or an unchanged tag of another directory of the file.
    """
    data += b"\0" * (len(data) % 2)  # the format requires an even offset
    order, big = byte_order(data), is_big(data)
    long = "Q" if big else "I"
    entry = struct.Struct(f"{order}HH{long}")
    room = struct.calcsize(order + long)
    count = struct.pack(order + ("Q" if big else "H"), len(tags))
    values_at = len(data) + len(count) + len(tags) * (entry.size + room) + room
    entries, values = [], b""
    for number, value in sorted(tags.items(), key=lambda item: item[0]):
        if isinstance(value, Tag):
            entries.append(value.entry)
            continue
        packed = struct.pack(f"{order}{len(value)}{long}", *value)
        if len(value) > 1:
            packed, values = struct.pack(order + long, values_at + len(values)), values + packed
        entries.append(entry.pack(number, _LONG8 if big else _LONG, len(value)) + packed)
    end = struct.pack(order + long, 0)
    return beginning_at(b"".join([data, count, *entries, end, values]), len(data))
