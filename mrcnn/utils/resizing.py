"""Resizing of images and their masks to the network's input."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model.pictures.bilinear import resize_bilinear

COARSEST_STRIDE = 64
"""Pixels between the cells of the coarsest pyramid level: sides must be multiples of it."""

Window = tuple[int, int, int, int]
Padding = list[tuple[int, int]]
Resized = tuple[npt.NDArray, Window, float, Padding, Window | None]


def resize_image(
    image: npt.NDArray,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
) -> Resized:
    """Scale an image, keeping its proportions, then pad or crop it.

    Args:
        image: (H, W, channels).
        min_dim: pixels to which the shorter side is enlarged; it never shrinks to it.
        max_dim: in mode "square", the side of the result.
        min_scale: lowest scale, even if `min_dim` needs less.
        mode: "none": unchanged. "square": at most `max_dim` long, padded with zeros to a square. "pad64":
            padded with zeros to multiples of 64. "crop": a random part of min_dim x min_dim pixels, which
            Python's `random` chooses; for training.

    Returns:
        The image in its own dtype; the window y1 x1 y2 x2 that the scaled image takes in it; the scale; the
        padding [(top, bottom), (left, right), (0, 0)]; and the crop (y, x, height, width), or None.

    Raises:
        ValueError: an unknown mode, or one that needs another `min_dim` or `max_dim`.
    """
    height, width = image.shape[:2]
    if mode == "none":
        return image, (0, 0, height, width), 1, _padding(0, 0), None
    _check(mode, min_dim, max_dim)
    scale = max(1, min_dim / min(height, width)) if min_dim else 1
    scale = max(scale, min_scale or 0)
    longest = max(height, width)
    if mode == "square" and max_dim and round(longest * scale) > max_dim:
        scale = max_dim / longest
    resized = image
    if scale != 1:
        height, width = round(height * scale), round(width * scale)
        resized = resize_bilinear(image, height, width).astype(image.dtype)
    if mode == "crop":
        assert min_dim
        y, x = random.randint(0, height - min_dim), random.randint(0, width - min_dim)
        cropped = resized[y : y + min_dim, x : x + min_dim]
        return cropped, (0, 0, min_dim, min_dim), scale, _padding(0, 0), (y, x, min_dim, min_dim)
    if mode == "square":
        assert max_dim
        padding = _padding(max_dim - height, max_dim - width)
    else:
        padding = _padding(-height % COARSEST_STRIDE, -width % COARSEST_STRIDE)
    (top, _), (left, _), _ = padding
    return np.pad(resized, padding), (top, left, top + height, left + width), scale, padding, None


def _check(mode: str, min_dim: int | None, max_dim: int | None) -> None:
    if mode not in ("square", "pad64", "crop"):
        raise ValueError(f'mode {mode!r} is unknown: use "square", "pad64", "crop" or "none"')
    if mode == "square" and not max_dim:
        raise ValueError('mode "square" needs max_dim, the side of the square')
    if mode == "crop" and not min_dim:
        raise ValueError('mode "crop" needs min_dim, the side of the crop')
    if mode == "pad64" and min_dim and min_dim % COARSEST_STRIDE:
        raise ValueError(f'mode "pad64" needs a min_dim that is a multiple of 64, not {min_dim}')


def _padding(rows: int, columns: int) -> Padding:
    return [(rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0)]


def resize_mask(mask: npt.NDArray, scale: float, padding: Padding, crop: Window | None = None) -> npt.NDArray:
    """Scale masks (H, W, N) to the nearest pixel, then pad or crop them, as `resize_image` did the image."""
    rows, columns = (_nearest(length, scale) for length in mask.shape[:2])
    scaled = mask[rows[:, None], columns]
    if crop is None:
        return np.pad(scaled, padding)
    y, x, height, width = crop
    return scaled[y : y + height, x : x + width]


def _nearest(length: int, scale: float) -> npt.NDArray[np.int64]:
    """For each new pixel, the old one, as `scipy.ndimage.zoom(order=0)` does: both ends keep their place.

    At some scales SciPy takes the last pixel for one beyond the edge, and loses it; here it stays.
    """
    count = round(length * scale)
    step = (length - 1) / (count - 1) if count > 1 else 1.0
    return np.clip(np.floor(np.arange(count) * step + 0.5), 0, length - 1).astype(np.int64)


def resize(
    image: npt.NDArray,
    output_shape: Sequence[int],
    order: int = 1,
    mode: str = "constant",
    cval: float = 0,
    clip: bool = True,
    preserve_range: bool = False,
    anti_aliasing: bool = False,
    anti_aliasing_sigma: Any = None,
) -> npt.NDArray:
    """Bilinear resize of (H, W) or (H, W, channels) as scikit-image does it with these arguments.

    The result is float, and in 0 to 1 for images of integers unless `preserve_range`.

    Raises:
        NotImplementedError: another interpolation or border is asked for.
    """
    asked = (order, mode, cval, clip, bool(anti_aliasing))
    if asked != (1, "constant", 0, True, False):
        raise NotImplementedError(
            'mrcnn.utils.resize knows order=1, mode="constant", cval=0, clip=True and anti_aliasing=False: '
            "for anything else, call skimage.transform.resize"
        )
    height, width = output_shape[:2]
    planes = image if image.ndim == 3 else image[..., None]
    resized = resize_bilinear(planes, height, width).reshape(height, width, *image.shape[2:])
    if np.issubdtype(image.dtype, np.integer) and not preserve_range:
        resized /= np.iinfo(image.dtype).max
    return resized.astype(image.dtype if image.dtype == np.float32 else np.float64)
