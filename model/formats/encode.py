"""Encoding: pixel arrays become PNG and JPEG files."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

# Somebody waits for the answer. Level 1 takes a quarter of the time of level 6, for files a seventh larger;
# one filter for all rows, not a search for the best of each, halves that again for a few percent.
_PNG_OPTIONS = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP)
_JPEG_OPTIONS = (cv2.IMWRITE_JPEG_QUALITY, 90)

_RGB_TO_OPENCV = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}


def encode_png(pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]) -> bytes:
    """A PNG file of uint8 (H, W) grey, (H, W, 3) RGB or (H, W, 4) RGBA, or of uint16 (H, W) grey."""
    return _encode(".png", pixels, _PNG_OPTIONS)


def encode_jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A JPEG file of uint8 (H, W) grey or (H, W, 3) RGB."""
    return _encode(".jpg", pixels, _JPEG_OPTIONS)


def _encode(
    extension: str, pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], options: Sequence[int]
) -> bytes:
    in_opencv_order = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, _RGB_TO_OPENCV[pixels.shape[2]])
    _, encoded = cv2.imencode(extension, in_opencv_order, options)
    return encoded.tobytes()
