"""Encoding: pixel arrays become PNG, JPEG and WebP files."""

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
"""The most pixels that a picture may be wide and high; more, libpng, libjpeg and libwebp refuse to write."""

_NAMES: dict[FileFormat, str] = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}

# Somebody waits for the answer. Level 1 takes a quarter of the time of level 6, for files a seventh larger;
# one filter for all rows, not a search for the best of each, halves that again for a few percent.
_PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)
_JPEG_OPTIONS = (cv2.IMWRITE_JPEG_QUALITY, 90)

# Masks are mostly long runs: level 3 takes no longer than level 1, and no filter is better than any.
_MASK_OPTIONS = (
    *(cv2.IMWRITE_PNG_BILEVEL, 1),
    *(cv2.IMWRITE_PNG_COMPRESSION, 3),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE),
)

# On photos two thirds of the bytes of our JPEG. OpenCV's WebP is always libwebp's method 4, which takes twice
# as long for files 3% smaller, and six times as long at 50 megapixels (19 s), where it starts over and over.
_WEBP_QUALITY = 85
_WEBP_METHOD = 2

_RGB_TO_OPENCV = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


class CannotEncode(ValueError):
    """The picture does not go into a file of that format; the message is fit for whoever asked for it."""


def check_encodable(size: tuple[int, int], file_format: FileFormat) -> None:
    """Raise CannotEncode unless a picture of `size`, (width, height), goes into such a file."""
    width, height = size
    largest = LARGEST_SIDES[file_format]
    if max(size) > largest:
        raise CannotEncode(
            f"a picture of {width} x {height} pixels is too large for {_NAMES[file_format]},"
            f" which holds at most {largest:,} a side"
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
    """A PNG file of one bit a pixel, black and white, of uint8 (H, W) of 0 and 1. Raises CannotEncode."""
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
            f"OpenCV made no {_NAMES[file_format]} of a picture of {width} x {height} pixels; its log has why"
        )
    return encoded.tobytes()
