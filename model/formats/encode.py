"""Encoding: pixel arrays to PNG, JPEG and WebP files."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

FileFormat = Literal["png", "jpeg", "webp"]

LARGEST_SIDES: dict[FileFormat, int] = {"png": 1_000_000, "jpeg": 65_500, "webp": 16_383}
"""The largest width and height in pixels that libpng, libjpeg and libwebp write."""

_NAMES: dict[FileFormat, str] = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}

# For a fast answer: level 1 takes a quarter of the time of level 6, for files a seventh larger; using one
# filter for all rows, instead of searching the best one for each, halves the time again for a few percent.
_PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)
_JPEG_OPTIONS = (cv2.IMWRITE_JPEG_QUALITY, 90)

# Masks are mostly long runs: level 3 takes no longer than level 1, and using no filter is best.
_MASK_OPTIONS = (
    *(cv2.IMWRITE_PNG_BILEVEL, 1),
    *(cv2.IMWRITE_PNG_COMPRESSION, 3),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
)

# Two thirds of the bytes of JPEG as above, for photos. Not with OpenCV, which always uses libwebp's method 4:
# it takes twice as long for files 3% smaller, and six times as long at 50 megapixels (19 s), where it
# restarts often.
_WEBP_QUALITY = 85
_WEBP_METHOD = 2

_RGB_TO_OPENCV = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


class CannotEncode(ValueError):
    """The picture cannot be written in that format; the message can be shown to the caller."""


def check_encodable(size: tuple[int, int], file_format: FileFormat) -> None:
    """Raise CannotEncode unless a picture of `size`, (width, height), can be written in that format."""
    width, height = size
    largest = LARGEST_SIDES[file_format]
    if max(size) > largest:
        raise CannotEncode(
            f"a picture of {width} x {height} pixels is too large for {_NAMES[file_format]},"
            f" whose limit is {largest:,} per side"
        )


def encode(pixels: npt.NDArray[np.uint8], file_format: FileFormat) -> bytes:
    """A file of uint8 (H, W, 3), RGB. Raises CannotEncode.

    >>> encode(np.zeros((48, 64, 3), np.uint8), "png")[:4]
    b'\\x89PNG'
    """
    return _ENCODERS[file_format](pixels)


def encode_png(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    """A PNG file of uint8 (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, or of uint16 (H, W) grey.

    Raises CannotEncode.
    """
    return _encode_with_opencv("png", pixels, _PNG_OPTIONS)


def encode_mask(mask: npt.NDArray[np.uint8]) -> bytes:
    """A PNG file with one bit per pixel, black and white, of uint8 (H, W) of 0 and 1. Raises CannotEncode."""
    return _encode_with_opencv("png", mask, _MASK_OPTIONS)


def encode_jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A JPEG file of uint8 (H, W) grey or (H, W, 3) RGB. Raises CannotEncode."""
    return _encode_with_opencv("jpeg", pixels, _JPEG_OPTIONS)


def encode_webp(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A WebP file of uint8 (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA. Raises CannotEncode."""
    height, width = pixels.shape[:2]
    check_encodable((width, height), "webp")
    encoded = io.BytesIO()
    Image.fromarray(pixels).save(encoded, "WEBP", quality=_WEBP_QUALITY, method=_WEBP_METHOD)
    return encoded.getvalue()


_ENCODERS: dict[FileFormat, Callable[[npt.NDArray[np.uint8]], bytes]] = {
    "png": encode_png,
    "jpeg": encode_jpeg,
    "webp": encode_webp,
}


def _encode_with_opencv(
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
            f"OpenCV could not write {width} x {height} pixels as {_NAMES[file_format]}; its log tells why"
        )
    return encoded.tobytes()
