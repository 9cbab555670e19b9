"""PNG: colours of 16 bits, which Pillow cuts to 8, of which a microscope's 12 bits leave 4."""

from __future__ import annotations

import cv2
import numpy as np

from model.pictures.colours import Samples
from model.pictures.limits import BrokenPicture

_DEPTH_AT, _COLOUR_TYPE_AT = 24, 25  # in the file: the header is always the first chunk
_GREY, _PALETTE = 0, 3

_CHUNKS_AT = 8
_CHUNK_FRAME = 12  # bytes of length, kind and checksum
_PIXEL_CHUNKS = (b"IHDR", b"tRNS", b"IDAT", b"IEND")


def is_deep(data: bytes) -> bool:
    """Whether the pixels have several channels of 16 bits; grey of 16 bits Pillow reads."""
    return data[_DEPTH_AT] == 16 and data[_COLOUR_TYPE_AT] not in (_GREY, _PALETTE)


def read_samples(data: bytes, profile: bytes | None) -> Samples:
    """The pixels of such a PNG, of a size that was checked; of an animation, the first frame's.

    Raises:
        BrokenPicture: truncated or corrupt.
    """
    pixels = cv2.imdecode(np.frombuffer(_pixel_chunks(data), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 3:
        raise BrokenPicture("the PNG picture is truncated or corrupt")
    pixels[:, :, [0, 2]] = pixels[:, :, [2, 0]]  # OpenCV has blue first
    return Samples(pixels, colour=True, alpha=3 if pixels.shape[2] == 4 else None, profile=profile)


def _pixel_chunks(data: bytes) -> bytes:
    """The file with nothing but what pixels are made of: OpenCV allocates whatever length a chunk claims."""
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
