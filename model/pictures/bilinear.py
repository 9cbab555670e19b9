"""Bilinear resizing to the bit as scikit-image does it, whose arithmetic Matterport's library uses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def resize_bilinear(image: npt.NDArray, height: int, width: int) -> npt.NDArray[np.float64]:
    """Resize without anti-aliasing, with zeros beyond the edge.

    Equals `skimage.transform.resize(order=1, mode="constant", preserve_range=True)`. OpenCV repeats the edge
    and has float32 weights, after which truncation turns some 120s into 119: enough to change a detection.

    Args:
        image: (H, W, channels) of any dtype.
        height: of the result in pixels, at least 1.
        width: of the result in pixels, at least 1.

    Returns:
        float64 (height, width, channels), within the range of the image's values: the zeros beyond the edge
        darken no pixel below the darkest of the image.
    """
    columns = _bilinear_taps(image.shape[1], width)
    resized = np.zeros((height, width, image.shape[2]))
    for row, row_share in _bilinear_taps(image.shape[0], height):
        for column, column_share in columns:
            resized += image[row[:, None], column] * row_share[:, None, None] * column_share[:, None]
    return np.clip(resized, image.min(), image.max(), out=resized)


def _bilinear_taps(
    length: int, new_length: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    """For each new pixel, the pixels before and after it: index and share; 0 if there is no such pixel."""
    position = (np.arange(new_length) + 0.5) * (length / new_length) - 0.5
    before = np.floor(position).astype(np.int64)
    after_share = position - before
    return [
        (np.clip(pixel, 0, length - 1), share * ((pixel >= 0) & (pixel < length)))
        for pixel, share in ((before, 1 - after_share), (before + 1, after_share))
    ]
