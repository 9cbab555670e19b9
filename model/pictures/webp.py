"""WebP: reads sizes and counts frames from the chunks of a file before libwebp allocates memory for them."""

from __future__ import annotations

import struct

from model.pictures.limits import BrokenPicture, Limits, PictureTooLarge, check_frame_count, check_size

_CHUNKS_AT = 12
_HEAD_BYTES = 8  # kind and length

# Chunks other than frames; a still picture has about six.
_MOST_OTHERS = 1000


def check(data: bytes, limits: Limits) -> int:
    """Return how many pictures a WebP has; raise unless their sizes and their number are within the limits.

    Raises:
        PictureTooLarge: the canvas or a picture is too large, or there are too many chunks;
            TooManyFrames: there are too many frames.
        BrokenPicture: a header is cut off.
    """
    frames = others = 0
    position = _CHUNKS_AT
    try:
        while position + _HEAD_BYTES <= len(data):
            kind, length = struct.unpack_from("<4sI", data, position)
            content = position + _HEAD_BYTES
            if size := _size(data, kind, content):
                check_size(size, limits)
            frames += kind == b"ANMF"
            others += kind != b"ANMF"
            check_frame_count(frames, limits.max_frames)
            if others > _MOST_OTHERS:
                raise PictureTooLarge(
                    f"the WebP picture has more than {_MOST_OTHERS:,} chunks that are not frames, the maximum"
                )
            position = content + length + length % 2
    except struct.error as error:
        raise BrokenPicture("the WebP picture is truncated or corrupt") from error
    return max(1, frames)


def size(data: bytes, limits: Limits) -> tuple[int, int]:
    """Return the (width, height) of the canvas, or of the only picture.

    Raises:
        PictureTooLarge: the size is beyond `limits`.
        BrokenPicture: the file begins with neither.
    """
    try:
        (kind,) = struct.unpack_from("<4s", data, _CHUNKS_AT)
        found = _size(data, kind, _CHUNKS_AT + _HEAD_BYTES)
    except struct.error:
        found = None
    if found is None:
        raise BrokenPicture("the WebP picture is truncated or corrupt: it has no size")
    check_size(found, limits)
    return found


def _size(data: bytes, kind: bytes, content: int) -> tuple[int, int] | None:
    """Return the (width, height) that a chunk declares; None if it declares none."""
    if kind in (b"VP8X", b"ANMF"):
        at = content + (4 if kind == b"VP8X" else 6)
        width, high_width, height, high_height = struct.unpack_from("<HBHB", data, at)
        return width + (high_width << 16) + 1, height + (high_height << 16) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", data, content + 6)
        return width & 0x3FFF, height & 0x3FFF
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", data, content + 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None
