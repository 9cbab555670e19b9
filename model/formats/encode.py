"""Encoding: pixel arrays become PNG and JPEG files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

FileFormat = Literal["png", "jpeg"]

LARGEST_SIDES: dict[FileFormat, int] = {"png": 1_000_000, "jpeg": 65_500}
"""The most pixels that a picture may be wide and high; more, libpng and libjpeg refuse to write."""

# Somebody waits for the answer. Level 1 takes a quarter of the time of level 6, for files a seventh larger;
# one filter for all rows, not a search for the best of each, halves that again for a few percent.
_PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)
_JPEG_OPTIONS = (cv2.IMWRITE_JPEG_QUALITY, 90)

_RGB_TO_OPENCV = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


class CannotEncode(ValueError):
    """The picture does not go into a file of that format; the message is fit for whoever asked for it."""


def check_encodable(size: tuple[int, int], file_format: FileFormat) -> None:
    """Raise CannotEncode unless a picture of `size`, (width, height), goes into such a file."""
    width, height = size
    largest = LARGEST_SIDES[file_format]
    if max(size) > largest:
        raise CannotEncode(
            f"a picture of {width} x {height} pixels is too large for {file_format.upper()},"
            f" which holds at most {largest:,} a side"
        )


def encode_png(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    """A PNG file of uint8 (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, or of uint16 (H, W) grey.

    Raises CannotEncode.
    """
    return _encode("png", pixels, _PNG_OPTIONS)


def encode_jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A JPEG file of uint8 (H, W) grey or (H, W, 3) RGB. Raises CannotEncode."""
    return _encode("jpeg", pixels, _JPEG_OPTIONS)


def _encode(
    file_format: FileFormat,
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16],
    options: Sequence[int],
) -> bytes:
    height, width = pixels.shape[:2]
    check_encodable((width, height), file_format)
    in_opencv_order = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, _RGB_TO_OPENCV[pixels.shape[2]])
    done, encoded = cv2.imencode(f".{file_format}", in_opencv_order, options)
    if not done:
        raise CannotEncode(
            f"OpenCV made no {file_format.upper()} of a picture of {width} x {height} pixels; its log has why"
        )
    return encoded.tobytes()
