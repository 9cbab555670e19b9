"""EXIF: reads a picture's orientation. Pillow would unpack every tag for it, even with millions of values."""

from __future__ import annotations

import re
import struct

_ORIENTATION = 274
_WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I"}  # tag type → `struct` format

# A TIFF follows this marker; some writers repeat the marker.
_MARKER = re.compile(rb"(?:Exif\0\0){0,2}")

PREFIX = b"Exif\0\0"


def orientation(exif: bytes | None) -> int:
    """Return EXIF's orientation, 1 to 8; 1 (upright) if there is none or it cannot be read.

    An orientation in XMP is ignored, as browsers do.

    Args:
        exif: a TIFF with the orientation in its first directory.
    """
    # Cameras and editors write broken EXIF into valid pictures.
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
    """Return a TIFF that contains only an orientation."""
    return b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, number, 0, 0)
