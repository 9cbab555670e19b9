"""EXIF: which way up a picture is. Pillow would unpack every tag for it, those of millions of values too."""

from __future__ import annotations

import re
import struct

_ORIENTATION = 274
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I"}  # formats of a tag's types

# Behind the marker that says so there is a TIFF; some writers have the marker twice.
_MARKER = re.compile(rb"(?:Exif\0\0){0,2}")

PREFIX = b"Exif\0\0"


def orientation(exif: bytes | None) -> int:
    """EXIF's number for how a picture is to be turned, 1 for not at all; also if it cannot be read.

    What XMP says of it counts for nothing: browsers do not look there either.

    Args:
        exif: a TIFF whose first directory has the number.
    """
    # Cameras and editors write broken EXIF into sound pictures.
    try:
        found = _in_directory(exif) if exif else None
    except struct.error:
        found = None
    return found if found and 1 <= found <= 8 else 1


def _in_directory(exif: bytes) -> int | None:
    marker = _MARKER.match(exif)
    tiff = memoryview(exif)[marker.end() if marker else 0 :]
    order = ">" if tiff[:2] == b"MM" else "<"
    (directory,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, directory)
    entries = tiff[directory + 2 : directory + 2 + 12 * count]
    for tag, kind, values, value in struct.iter_unpack(order + "HHI4s", entries[: len(entries) // 12 * 12]):
        if tag == _ORIENTATION:
            if values != 1 or kind not in _WHOLE_NUMBERS:
                return 1
            return int(struct.unpack_from(order + _WHOLE_NUMBERS[kind], value)[0])
    return None


def exif_of(number: int) -> bytes:
    """The TIFF that says nothing but an orientation."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, number, 0, 0)
