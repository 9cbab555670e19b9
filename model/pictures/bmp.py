"""BMP: run lengths, which Pillow unpacks in Python, a byte at a time."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from model.pictures.limits import BrokenPicture

_HEADER_BYTES_AT, _COMPRESSION_AT = 14, 30  # in the file
_SMALLEST_HEADER = 40  # that has a compression
_RUN_LENGTHS = (1, 2)  # of 8 and of 4 bits


def has_run_lengths(data: bytes) -> bool:
    """Whether the pixels are run lengths."""
    header_bytes = int.from_bytes(data[_HEADER_BYTES_AT : _HEADER_BYTES_AT + 4], "little")
    compression = int.from_bytes(data[_COMPRESSION_AT : _COMPRESSION_AT + 4], "little")
    return header_bytes >= _SMALLEST_HEADER and compression in _RUN_LENGTHS


def read_rgb(data: bytes) -> npt.NDArray[np.uint8]:
    """uint8 (height, width, 3) of such a BMP, of a size that was checked.

    Raises:
        BrokenPicture: truncated or corrupt.
    """
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise BrokenPicture("the BMP picture is truncated or corrupt")
    return pixels.astype(np.uint8, copy=False)
