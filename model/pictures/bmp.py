"""BMP: run-length encoded pixels, decoded by OpenCV. Pillow decodes them in Python, a byte at a time."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from model.pictures.limits import BrokenPicture

_HEADER_BYTES_AT, _COMPRESSION_AT = 14, 30  # offsets in the file
_SMALLEST_HEADER = 40  # bytes of the smallest header that has a compression field
_RUN_LENGTHS = (1, 2)  # with 8 and with 4 bits a pixel


def has_run_lengths(data: bytes) -> bool:
    """Whether the pixels are run-length encoded."""
    header_bytes = int.from_bytes(data[_HEADER_BYTES_AT : _HEADER_BYTES_AT + 4], "little")
    compression = int.from_bytes(data[_COMPRESSION_AT : _COMPRESSION_AT + 4], "little")
    return header_bytes >= _SMALLEST_HEADER and compression in _RUN_LENGTHS


def read_rgb(data: bytes) -> npt.NDArray[np.uint8]:
    """Return uint8 (height, width, 3), RGB, of a run-length encoded BMP, whose size the caller has checked.

    Raises:
        BrokenPicture: the file is truncated or corrupt.
    """
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    if pixels is None:
        raise BrokenPicture("the BMP picture is truncated or corrupt")
    return pixels.astype(np.uint8, copy=False)
