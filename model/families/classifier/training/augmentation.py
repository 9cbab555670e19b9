"""Augmentation: one picture → the input of a classifier, changed at random each time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict

from model.engines.stages import Floats
from model.families.classifier.preprocessing import stretched, to_input

Bytes = npt.NDArray[np.uint8]
LEAST_SIDE = 8
"""Pixels: a crop of a picture is not narrower, unless the picture is."""


@dataclass(frozen=True)
class Augmentation:
    """What may change about a picture: probabilities and shares from 0 to 1, and factors.

    The defaults suit photos, which have an up; micrographs have none, and need `vertical_flip` and
    `quarter_turns`. Raises ValueError, saying what would be right, for impossible values.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    mirror: bool = True
    """Whether half of the pictures are mirrored, left to right."""
    vertical_flip: bool = False
    """Whether half of the pictures are turned upside down."""
    quarter_turns: bool = False
    """Whether pictures are turned by multiples of 90°."""
    crop: tuple[float, float] = (0.4, 1.0)
    """Least and largest share of the picture's area that is shown, above 0 to 1."""
    stretch: float = 1.33
    """Largest factor by which width and height of the shown part differ more, or less; at least 1."""
    brightness: float = 0.15
    """How much brighter or darker a picture may become, as a share of the full range, 0 to 1."""
    contrast: tuple[float, float] = (0.75, 1.33)
    """Least and largest factor of contrast; 0 or more."""
    saturation: tuple[float, float] = (0.6, 1.4)
    """Least and largest factor of saturation; 0 or more."""
    gamma: tuple[float, float] = (0.8, 1.25)
    """Least and largest exponent; 0 or more."""
    hue: float = 0.02
    """How far colours may turn, as a share of the circle, either way, 0 to 0.5."""
    grey: float = 0.1
    """Probability that a picture loses its colours."""
    tint: float = 0.0
    """Probability that a picture is shown in shades of one colour, as fluorescence often is."""
    blur: float = 0.1
    """Probability of blur."""
    noise: float = 0.1
    """Probability of noise."""
    invert: float = 0.0
    """Probability that bright and dark are exchanged."""
    jpeg: float = 0.0
    """Probability that a picture is compressed as JPEG, with a quality from 20 to 90."""

    def __post_init__(self) -> None:
        for name in ("contrast", "saturation", "gamma"):
            low, high = getattr(self, name)
            if not 0 <= low <= high < math.inf or high == 0:
                raise ValueError(f"{name} {low, high}: give the smallest factor, 0 or more, then the largest")
        low, high = self.crop
        if not 0 < low <= high <= 1:
            raise ValueError(f"crop {low, high}: give the least share, above 0, then the largest, at most 1")
        for name in ("brightness", "grey", "tint", "blur", "noise", "invert", "jpeg"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} is outside 0…1")
        if not 0 <= self.hue <= 0.5:
            raise ValueError(f"hue {self.hue} is outside 0…0.5")
        if not 1 <= self.stretch < math.inf:
            raise ValueError(f"stretch {self.stretch}: give a factor of 1 or more")


def augment(
    image: Bytes, size: int, augmentation: Augmentation, rng: np.random.Generator, *, contrast: bool
) -> Floats:
    """A random part of the picture, changed at random.

    Args:
        image: uint8 (H, W, 3), RGB.
        size: the side of the input.
        augmentation: what may change.
        rng: decides.
        contrast: whether the grey levels are stretched at the end, as `to_input` does.

    Returns:
        float32 (size, size, 3), RGB, 0 to 255.
    """
    picture = to_input(_part(image, augmentation, rng), size, contrast=False)
    picture = _turned(picture, augmentation, rng)
    picture = _recoloured(picture, augmentation, rng)
    picture = _disturbed(picture, augmentation, rng)
    return stretched(picture) if contrast else picture


def _part(image: Bytes, augmentation: Augmentation, rng: np.random.Generator) -> Bytes:
    """A random part of a random shape, at a random place."""
    share = rng.uniform(*augmentation.crop)
    factor = augmentation.stretch ** rng.uniform(-0.5, 0.5)
    height, width = (
        min(side, max(LEAST_SIDE, round(side * math.sqrt(share) * by)))
        for side, by in zip(image.shape[:2], (factor, 1 / factor), strict=True)
    )
    top = rng.integers(image.shape[0] - height + 1)
    left = rng.integers(image.shape[1] - width + 1)
    return image[top : top + height, left : left + width]


def _turned(picture: Floats, augmentation: Augmentation, rng: np.random.Generator) -> Floats:
    mirrored, flipped, turns = rng.random() < 0.5, rng.random() < 0.5, int(rng.integers(4))
    if augmentation.mirror and mirrored:
        picture = picture[:, ::-1]
    if augmentation.vertical_flip and flipped:
        picture = picture[::-1]
    if augmentation.quarter_turns:
        picture = np.rot90(picture, turns)
    return np.ascontiguousarray(picture)


def _recoloured(picture: Floats, augmentation: Augmentation, rng: np.random.Generator) -> Floats:
    """Other colours, brightness and contrast; values stay within 0 to 255."""
    gamma, contrast, saturation = (
        np.float32(rng.uniform(*factors))
        for factors in (augmentation.gamma, augmentation.contrast, augmentation.saturation)
    )
    brightness = np.float32(255 * rng.uniform(-augmentation.brightness, augmentation.brightness))
    turn = rng.uniform(-augmentation.hue, augmentation.hue)
    grey, inverted = rng.random() < augmentation.grey, rng.random() < augmentation.invert
    picture = np.asarray(255 * (picture / 255) ** gamma, np.float32)
    picture = (picture - picture.mean()) * contrast + picture.mean() + brightness
    lightness = picture.mean(axis=2, keepdims=True)
    picture = lightness + (np.float32(0) if grey else saturation) * (picture - lightness)
    picture = np.asarray(np.clip(picture @ _hue_turn(turn), 0, 255), np.float32)
    picture = 255 - picture if inverted else picture
    colour = rng.uniform(0, 1, 3).astype(np.float32)
    if rng.random() < augmentation.tint:
        picture = picture.mean(axis=2, keepdims=True) * (colour / colour.max())
    return np.asarray(picture, np.float32)


def _hue_turn(turn: float) -> npt.NDArray[np.float32]:
    """(3, 3): rotates colours about the grey axis by a share of the circle; greys stay as they are."""
    cos, sin = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)
    same, next_, last = (
        (1 + 2 * cos) / 3,
        (1 - cos) / 3 - sin / math.sqrt(3),
        (1 - cos) / 3 + sin / math.sqrt(3),
    )
    return np.array([[same, next_, last], [last, same, next_], [next_, last, same]], np.float32)


def _disturbed(picture: Floats, augmentation: Augmentation, rng: np.random.Generator) -> Floats:
    """Blurred, with noise, or compressed."""
    sigma, deviation, quality = rng.uniform(0.5, 2.5), rng.uniform(2, 20), int(rng.integers(20, 91))
    if rng.random() < augmentation.blur:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
    if rng.random() < augmentation.noise:
        noise = rng.normal(0, deviation, picture.shape[:2]).astype(np.float32)
        picture = np.asarray(np.clip(picture + noise[..., np.newaxis], 0, 255), np.float32)
    if rng.random() < augmentation.jpeg:
        _, file = cv2.imencode(".jpg", picture.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, quality])
        picture = np.asarray(cv2.imdecode(file, cv2.IMREAD_COLOR), np.float32)
    return picture
