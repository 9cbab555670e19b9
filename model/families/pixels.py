"""Pixels: the input values of a foreign network, by the channels and the range of values that it takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from model.families.family import Size

Channels = Literal["rgb", "bgr", "grey"]
ValueRange = Literal["0-1", "0-255", "-1-1"]
Fit = Literal["scale", "pad", "tile"]
Activation = Literal["none", "sigmoid", "softmax"]
Bytes = npt.NDArray[np.uint8]

LARGEST_SIDE = 4096
"""The longest side in pixels of a network's input: one layer with 64 channels already takes 4 GiB then."""


def channel_count(channels: Channels) -> int:
    """The number of input channels."""
    return 1 if channels == "grey" else 3


def check_normalization(channels: Channels, mean: Sequence[float], std: Sequence[float]) -> None:
    """Raise ValueError unless a mean and a deviation suit the channels; either may be empty."""
    count = channel_count(channels)
    for name, values in (("mean", mean), ("std", std)):
        if not all(math.isfinite(value) for value in values):
            raise ValueError(f"{name} {values}: give finite numbers")
        if values and len(values) != count:
            raise ValueError(
                f"{name} has {len(values)} values, but channels {channels!r} "
                f"{'is' if count == 1 else 'are'} {count}: give one value per channel"
            )
    if not all(value > 0 for value in std):
        raise ValueError(f"std {std}: give only values above 0")


def scale(image: Bytes, size: Size) -> Bytes:
    """uint8 (H, W, 3) at `size` (width, height); averages pixels when shrinking, to avoid aliasing."""
    height, width = image.shape[:2]
    if (width, height) == size:
        return image
    shrinks = size[0] * size[1] < width * height
    interpolation = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)


def to_channels(image: Bytes, channels: Channels) -> Bytes:
    """RGB (H, W, 3) → uint8 (H, W, C), the network's channels."""
    if channels == "grey":
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)[:, :, np.newaxis]
    if channels == "bgr":
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8)
    return image


def levels_of(
    channels: Channels, value_range: ValueRange, mean: Sequence[float], std: Sequence[float]
) -> npt.NDArray[np.float64]:
    """(256, C): the input value for each grey level of each channel.

    Args:
        channels: the kind of the C channels.
        value_range: the range to which 0…255 is scaled first.
        mean: subtracted per channel, in `value_range`; empty: nothing.
        std: divides the difference, per channel; empty: nothing.
    """
    levels = np.arange(256, dtype=np.float64)[:, np.newaxis].repeat(channel_count(channels), axis=1)
    if value_range == "0-1":
        levels /= 255
    elif value_range == "-1-1":
        levels = levels / 127.5 - 1
    levels -= np.array(mean or 0.0)
    levels /= np.array(std or 1.0)
    return levels
