"""PNG: strips a file of everything that decoding does not need, and reads 16-bit colours.

Pillow handles each chunk in Python, and decompresses texts. It keeps only the upper 8 bits of 16-bit colours,
so that 4 are left of a microscope's 12 bits.
"""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
from PIL import PngImagePlugin

from model.pictures.colours import RawPixels
from model.pictures.exif import exif_of, orientation
from model.pictures.limits import BrokenPicture, Limits, PictureTooLarge, check_frame_count, check_size

_DEPTH_AT, _COLOUR_TYPE_AT = 24, 25  # offsets in the file: the header is always the first chunk
_GREY, _PALETTE = 0, 3

_CHUNKS_AT = 33  # after the signature and the header
_CHUNK_FRAME = 12  # bytes of length, kind and checksum
_HEADER = b"IHDR"
_PIXEL_CHUNKS = (b"tRNS", b"IDAT", b"IEND")
_KEPT_CHUNKS = (*_PIXEL_CHUNKS, b"PLTE", b"acTL", b"fcTL", b"fdAT")

_DENSITY = struct.Struct(">IIB")
_A_METRE, _METRES_IN_INCH = 1, 0.0254

# Most writers store pixels in chunks of 8 kB or more; some write one chunk for each row.
_MOST_CHUNKS = 100_000

# ImageMagick wrote EXIF as text: lines of hexadecimal digits, after three other lines.
_TEXTS = (b"tEXt", b"zTXt")
_EXIF_TEXT = b"Raw profile type exif\0"
_MOST_TEXT_BYTES = 1 << 20

# Profiles of slide scanners and printers have a few megabytes. Pillow applies its limit for texts to them;
# texts themselves are stripped before Pillow reads the file.
_MOST_PROFILE_BYTES = 16 << 20
PngImagePlugin.MAX_TEXT_CHUNK = _MOST_PROFILE_BYTES


def vetted(data: bytes, limits: Limits) -> bytes:
    """Return the file with only its pixel chunks, its profile and its orientation.

    Raises:
        PictureTooLarge: by the size in its header, or by so many chunks that they take too long;
            TooManyFrames: it has too many frames.
        BrokenPicture: it does not begin with a header.
    """
    if data[12:16] != _HEADER or len(data) < _CHUNKS_AT:
        raise BrokenPicture("the PNG picture is truncated or corrupt: it has no header")
    check_size(struct.unpack_from(">II", data, 16), limits)
    exif: bytes | None = None
    has_profile = False
    parts: list[bytes] = []
    position, frames = _CHUNKS_AT, 0
    for _ in range(_MOST_CHUNKS):
        end = position + _CHUNK_FRAME + int.from_bytes(data[position : position + 4])
        if position + _CHUNK_FRAME > len(data) or end > len(data):
            parts.append(data[position:])  # the chunk is cut off; the decoder decides whether that matters
            break
        kind = data[position + 4 : position + 8]
        if kind in _KEPT_CHUNKS:
            parts.append(data[position:end])
        elif kind == b"iCCP" and not has_profile:
            has_profile = _is_profile(data[position + 8 : end - 4])
            parts += [data[position:end]] if has_profile else []
        elif kind == b"eXIf" and exif is None:
            exif = data[position + 8 : end - 4]
        elif kind in _TEXTS:
            text = data[position + 8 : end - 4]
            if text.startswith(_EXIF_TEXT) and exif is None:
                exif = _exif_from_text(kind, text[len(_EXIF_TEXT) :])
        frames += kind == b"fcTL"
        check_frame_count(frames, limits.max_frames)
        position = end
        if kind == b"IEND":
            break
    else:
        raise PictureTooLarge(
            f"the PNG picture has more than {_MOST_CHUNKS:,} chunks, the maximum: save it again in"
            " another program"
        )
    if (number := orientation(exif)) != 1:
        parts.insert(0, _chunk(b"eXIf", exif_of(number)))
    return b"".join([data[:_CHUNKS_AT], *parts])


def density(data: bytes) -> tuple[float, float] | None:
    """Return (x, y) pixels an inch, if the file declares them before its pixels and in pixels a metre."""
    position = _CHUNKS_AT
    for _ in range(_MOST_CHUNKS):
        length, kind = int.from_bytes(data[position : position + 4]), data[position + 4 : position + 8]
        if kind == b"pHYs" and length == _DENSITY.size and position + _CHUNK_FRAME + length <= len(data):
            x, y, unit = _DENSITY.unpack_from(data, position + 8)
            return (x * _METRES_IN_INCH, y * _METRES_IN_INCH) if unit == _A_METRE else None
        if kind in (b"IDAT", b"IEND", b""):
            break
        position += _CHUNK_FRAME + length
    return None


def _is_profile(content: bytes) -> bool:
    """Whether a chunk holds a valid colour profile that is not too long. Other profiles are ignored."""
    _name, _, packed = content.partition(b"\0")
    try:
        profile = zlib.decompressobj().decompress(packed[1:], _MOST_PROFILE_BYTES + 1)
    except zlib.error:
        return False
    return packed[:1] == b"\0" and len(profile) <= _MOST_PROFILE_BYTES


def _exif_from_text(kind: bytes, text: bytes) -> bytes:
    """Return the EXIF in a text of hexadecimal digits; empty if the text is not valid."""
    if kind == b"zTXt":
        try:
            text = zlib.decompressobj().decompress(text[1:], _MOST_TEXT_BYTES)
        except zlib.error:
            return b""
    try:
        return bytes.fromhex(b"".join(text[:_MOST_TEXT_BYTES].split(b"\n")[3:]).decode("ascii"))
    except ValueError:
        return b""


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def is_deep(data: bytes) -> bool:
    """Whether the pixels have several channels of 16 bits. Pillow itself reads 16-bit grey."""
    return data[_DEPTH_AT] == 16 and data[_COLOUR_TYPE_AT] not in (_GREY, _PALETTE)


def read_raw_pixels(data: bytes, profile: bytes | None) -> RawPixels:
    """Return the pixels of a vetted PNG for which `is_deep` holds; of an animation, the first frame.

    Raises:
        BrokenPicture: the file is truncated or corrupt.
    """
    pixels = cv2.imdecode(np.frombuffer(_pixel_chunks(data), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise BrokenPicture("the PNG picture is truncated or corrupt")
    pixels[:, :, [0, 2]] = pixels[:, :, [2, 0]]  # OpenCV returns blue first
    return RawPixels(pixels, colour=True, alpha=3 if pixels.shape[2] == 4 else None, profile=profile)


def _pixel_chunks(data: bytes) -> bytes:
    """Return the file with its pixel chunks only: OpenCV allocates whatever length a chunk declares."""
    chunks = [data[:_CHUNKS_AT]]
    position = _CHUNKS_AT
    while position + _CHUNK_FRAME <= len(data):
        end = position + _CHUNK_FRAME + int.from_bytes(data[position : position + 4])
        kind = data[position + 4 : position + 8]
        if end > len(data):
            break
        if kind in _PIXEL_CHUNKS:
            chunks.append(data[position:end])
        if kind == b"IEND":
            return b"".join(chunks)
        position = end
    raise BrokenPicture("the PNG picture is truncated")
