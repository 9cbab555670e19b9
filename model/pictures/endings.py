"""Endings: repairs files whose last bytes are missing or whose declared length is wrong.

A transfer or a writer that stops early may leave out only what follows the pixels. Decoders accept the
repaired file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from model.pictures.jpeg import END, is_ended

# Bytes to append to a JPEG in place of its end. Missing pixels then come out different.
_GOES_ON = bytes(251 * number % 253 for number in range(1, 512)) * 4

_PNG_END = b"\0\0\0\0IEND\xae\x42\x60\x82"
_PNG_PIXELS = (b"IDAT", b"fdAT")

_WEBP_KINDS = (b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF", b"XMP ")
_WEBP_PIXELS = (b"VP8 ", b"VP8L", b"ANMF")


def completed(data: bytes, file_format: str) -> tuple[bytes, bool]:
    """Return a vetted file with its end in place, and whether that was missing.

    If pixels are missing too, the decoder raises an error, except libjpeg, which fills them in with grey: see
    `going_on`.
    """
    complete = _COMPLETE.get(file_format)
    ended = complete(data) if complete else None
    return (data, False) if ended is None else (ended, True)


def going_on(completed_jpeg: bytes) -> bytes:
    """Return a completed JPEG with data for more pixels; if no pixel is missing, it decodes to the same."""
    return completed_jpeg.removesuffix(END) + _GOES_ON + END


def _of_jpeg(data: bytes) -> bytes | None:
    if data.endswith(END) or is_ended(data):
        return None
    return data.removesuffix(END[:1]) + END


def _of_png(data: bytes) -> bytes | None:
    if data.endswith(_PNG_END):
        return None
    position = 8
    while position + 12 <= len(data):
        kind, end = data[position + 4 : position + 8], position + 12 + int.from_bytes(data[position:][:4])
        if kind == b"IEND":
            return None
        if end > len(data):
            break
        position = end
    kind, content = data[position + 4 : position + 8], data[position + 8 :]
    if kind not in _PNG_PIXELS:  # no pixel depends on the incomplete chunk
        return data[:position] + _PNG_END
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return b"".join([data[:position], struct.pack(">I", len(content)), kind, content, checksum, _PNG_END])


def _of_webp(data: bytes) -> bytes | None:
    """Set the length to that of the complete chunks; None if it is right, or if pixels are cut off."""
    (said,) = struct.unpack_from("<I", data, 4)
    end = position = 12
    while position + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, position)
        if position >= said + 8 and kind not in _WEBP_KINDS:
            break  # the chunk does not belong to the picture
        position += 8 + length + length % 2
        if position > len(data) + length % 2:
            if kind in _WEBP_PIXELS:
                return None  # the decoder reports the missing pixels
            break
        end = position
    if said + 8 == end <= len(data):
        return None
    chunks = data[12:end].ljust(end - 12, b"\0")
    return b"".join([data[:4], struct.pack("<I", end - 8), data[8:12], chunks])


_COMPLETE: dict[str, Callable[[bytes], bytes | None]] = {
    "JPEG": _of_jpeg,
    "PNG": _of_png,
    "WEBP": _of_webp,
}
