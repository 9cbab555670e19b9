"""Colors of objects, and masks blended into images."""

from __future__ import annotations

import colorsys
import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Color = tuple[float, ...] | Sequence[float]
"""Red, green, blue and perhaps opacity, 0 to 1."""


def random_colors(N: int, bright: bool = True) -> list[tuple[float, float, float]]:  # noqa: N803  the library's
    """N colors of equally spaced hues in an order that Python's `random` chooses; darker if not `bright`."""
    colors = [colorsys.hsv_to_rgb(index / N, 1, 1.0 if bright else 0.7) for index in range(N)]
    random.shuffle(colors)
    return colors


def apply_mask(image: npt.NDArray, mask: npt.NDArray, color: Color, alpha: float = 0.5) -> npt.NDArray:
    """Blend a color into `image` (H, W, 3), in place, where `mask` (H, W) is 1; returns the image."""
    inside = mask == 1
    blended = image[inside] * (1 - alpha) + alpha * 255 * np.asarray(color[:3])
    image[inside] = blended.astype(image.dtype)
    return image
