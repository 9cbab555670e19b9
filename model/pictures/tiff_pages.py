"""TIFF pages: finds the directory of each page in bounded steps, and makes one of them the first."""

from __future__ import annotations

import struct

from model.pictures.limits import BrokenPicture

# Tags in one directory; cameras write about a hundred.
_MOST_ENTRIES = 4096


def page_offsets(data: bytes, most: int) -> list[int]:
    """Return the offset of each page's directory, for at most `most` + 1 pages; a loop ends the chain.

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
        pass  # the offset of the next directory is cut off, but the directories before it are there
    if not offsets:
        raise BrokenPicture("the TIFF picture is truncated or corrupt: it has no page")
    return list(offsets)


def directory_end(data: bytes, offset: int) -> int | None:
    """Return the end of the directory at an offset, where the next offset is; None if it is incomplete."""
    number = struct.Struct(byte_order(data) + ("Q" if is_big(data) else "H"))
    if offset + number.size > len(data):
        return None
    (entries,) = number.unpack_from(data, offset)
    end: int = offset + number.size + entries * (20 if is_big(data) else 12)
    return end if entries <= _MOST_ENTRIES and end <= len(data) else None


def beginning_at(data: bytes, offset: int) -> bytes:
    """Return the file with its header pointing to the directory at `offset`: its page becomes the first."""
    order = byte_order(data)
    pointer = slice(8, 16) if is_big(data) else slice(4, 8)
    value = struct.pack(order + ("Q" if is_big(data) else "I"), offset)
    return data if data[pointer] == value else data[: pointer.start] + value + data[pointer.stop :]


def byte_order(data: bytes) -> str:
    """Return the byte order of a TIFF, as `struct` and NumPy spell it."""
    return ">" if data[:2] == b"MM" else "<"


def is_big(data: bytes) -> bool:
    """Whether a TIFF is a BigTIFF, which has offsets of 8 bytes."""
    return b"+" in data[2:4]
