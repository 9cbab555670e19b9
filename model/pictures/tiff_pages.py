"""TIFF pages: where each begins, found in bounded steps, and the file as if it began with one of them."""

from __future__ import annotations

import struct

from model.pictures.limits import BrokenPicture

# Tags of one directory; cameras write some hundred.
_MOST_ENTRIES = 4096


def page_offsets(data: bytes, most: int) -> list[int]:
    """Where the directory of each page begins, of at most `most` + 1 pages; a chain that loops ends there.

    Raises:
        BrokenPicture: there is no first page.
    """
    pointer = byte_order(data) + ("Q" if is_big(data) else "I")
    offsets: dict[int, None] = {}
    try:
        (offset,) = struct.unpack_from(pointer, data, 8 if is_big(data) else 4)
        while offset and offset not in offsets and len(offsets) <= most:
            end = directory_end(data, offset)
            if end is None:
                break
            offsets[offset] = None
            (offset,) = struct.unpack_from(pointer, data, end)
    except struct.error:
        pass  # where the next directory lies is cut off: those before it are there
    if not offsets:
        raise BrokenPicture("the TIFF picture is truncated or corrupt: it has no page")
    return list(offsets)


def directory_end(data: bytes, offset: int) -> int | None:
    """Where the directory at a place ends, and says where the next is; None where no whole one lies there."""
    number = struct.Struct(byte_order(data) + ("Q" if is_big(data) else "H"))
    if offset + number.size > len(data):
        return None
    (entries,) = number.unpack_from(data, offset)
    end: int = offset + number.size + entries * (20 if is_big(data) else 12)
    return end if entries <= _MOST_ENTRIES and end <= len(data) else None


def beginning_at(data: bytes, offset: int) -> bytes:
    """The file with its header pointing to the directory at `offset`, which makes that page the first."""
    order = byte_order(data)
    pointer = slice(8, 16) if is_big(data) else slice(4, 8)
    value = struct.pack(order + ("Q" if is_big(data) else "I"), offset)
    return data if data[pointer] == value else data[: pointer.start] + value + data[pointer.stop :]


def byte_order(data: bytes) -> str:
    """The byte order of a TIFF, as `struct` and NumPy spell it."""
    return ">" if data[:2] == b"MM" else "<"


def is_big(data: bytes) -> bool:
    """Whether a TIFF is a BigTIFF, with offsets of 8 bytes."""
    return b"+" in data[2:4]
