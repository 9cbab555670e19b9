"""Augmentation: a training picture and its truth, from a random view of a picture."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from model.families.pixels import scale

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Planes = npt.NDArray[Any]
Range = tuple[float, float]


class Augmentation(BaseModel):
    """What may change about a picture: probabilities from 0 to 1, factors, degrees, pixels and grey levels.

    The defaults suit photos. Raises ValueError, saying what would be right, for impossible values.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    flip: bool = Field(default=True, description="whether left and right may be swapped")
    vertical_flip: bool = Field(default=False, description="whether top and bottom may be swapped")
    quarter_turns: bool = Field(default=False, description="whether to turn by 90, 180 or 270 degrees too")
    rotation: float = Field(default=10.0, ge=0, le=180, description="largest turn in degrees, either way")
    scale: Range = Field(default=(0.75, 1.5), description="smallest and largest factor of the size")
    stretch: float = Field(
        default=1.15, ge=1, le=4, description="largest change of the aspect ratio, as a factor, either way"
    )
    shift: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="largest shift beyond the picture's borders, as a share of the training picture's sides",
    )
    elastic: float = Field(
        default=0.0, ge=0, description="standard deviation of a smooth random distortion in pixels; 0: none"
    )
    elastic_cell: int = Field(
        default=32,
        ge=4,
        description="distance in pixels of the points that the distortion moves independently",
    )
    contrast: Range = Field(default=(0.7, 1.35), description="smallest and largest factor of the contrast")
    brightness: float = Field(
        default=25.0, ge=0, le=255, description="largest change in grey levels, either way"
    )
    gamma: Range = Field(default=(0.7, 1.45), description="smallest and largest exponent of the values")
    saturation: Range = Field(default=(0.5, 1.5), description="smallest and largest factor of the saturation")
    channel_gain: float = Field(
        default=0.12, ge=0, lt=1, description="largest change of each colour channel by itself, as a share"
    )
    grey: float = Field(default=0.1, ge=0, le=1, description="probability that colour is removed")
    invert: float = Field(default=0.0, ge=0, le=1, description="probability that bright and dark are swapped")
    blur: float = Field(default=0.15, ge=0, le=1, description="probability of a blur")
    noise: float = Field(default=0.2, ge=0, le=1, description="probability of noise")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name in ("scale", "contrast", "gamma"):
            low, high = getattr(self, name)
            if not 0 < low <= high < math.inf:
                raise ValueError(f"{name} {low, high}: give the lowest factor, above 0, then the highest")
        low, high = self.saturation
        if not 0 <= low <= high < math.inf:
            raise ValueError(f"saturation {low, high}: give the lowest factor, 0 or more, then the highest")
        return self


UNCHANGED = Augmentation(
    flip=False,
    rotation=0,
    scale=(1, 1),
    stretch=1,
    shift=0,
    contrast=(1, 1),
    brightness=0,
    gamma=(1, 1),
    saturation=(1, 1),
    channel_gain=0,
    grey=0,
    blur=0,
    noise=0,
)
"""For validation: only the part that is seen is random, if the picture is larger than a training picture."""


@dataclass(frozen=True)
class Place:
    """Where the pixels of a training picture lie in the scaled picture that it is made from.

    Attributes:
        x: float32 (h, w), the column in the scaled picture, counted from the centre of its first pixel.
        y: float32 (h, w), the row.
    """

    x: Floats
    y: Floats

    def picture(self, scaled: Bytes) -> Bytes:
        """uint8 (h, w, 3): the pixels of the scaled picture; beyond its borders it is mirrored."""
        found = cv2.remap(scaled, self.x, self.y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(found, np.uint8)

    def truth(self, scaled: Planes) -> Planes:
        """(h, w) or (h, w, K): as `picture`, but of the nearest pixel."""
        found = cv2.remap(scaled, self.x, self.y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(found, scaled.dtype).reshape(*self.x.shape, *scaled.shape[2:])


def augment(
    image: Bytes,
    truth: Planes,
    scaled: tuple[int, int],
    size: tuple[int, int],
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[Bytes, Planes]:
    """A random view of a picture, and the same view of its truth.

    Args:
        image: uint8 (H, W, 3), RGB.
        truth: (H, W), or (H, W, K): numbers or planes, of which the view has the nearest pixel.
        scaled: (width, height) to which serving scales the picture.
        size: (width, height) of the view.
        augmentation: what may change.
        rng: decides.

    Returns:
        uint8 (h, w, 3) and (h, w) or (h, w, K).
    """
    low, high = np.log(augmentation.scale)
    zoom = math.exp(rng.uniform(low, high))
    stretch = math.exp(rng.uniform(-1, 1) * math.log(augmentation.stretch) / 2)
    zoomed = max(1, round(scaled[0] * zoom * stretch)), max(1, round(scaled[1] * zoom / stretch))
    place = _place(zoomed, size, augmentation, rng)
    picture = place.picture(scale(image, zoomed))
    view = place.truth(_nearest(truth, zoomed))
    return _change_intensity(picture, augmentation, rng), view


def _nearest(truth: Planes, size: tuple[int, int]) -> Planes:
    resized = cv2.resize(truth, size, interpolation=cv2.INTER_NEAREST_EXACT)
    return np.asarray(resized, truth.dtype).reshape(size[1], size[0], *truth.shape[2:])


def _place(
    source: tuple[int, int], size: tuple[int, int], augmentation: Augmentation, rng: np.random.Generator
) -> Place:
    """A view of `size` of a picture of `source` pixels, both (width, height)."""
    width, height = size
    turns = int(rng.integers(4)) if augmentation.quarter_turns else 0
    angle = math.radians(rng.uniform(-1, 1) * augmentation.rotation) + turns * math.pi / 2
    mirrored = -1.0 if augmentation.flip and rng.random() < 0.5 else 1.0
    upside_down = -1.0 if augmentation.vertical_flip and rng.random() < 0.5 else 1.0
    # The view's centre may be anywhere as long as it shows the picture, then moves by `shift`.
    seen = (height, width) if turns % 2 else size
    room = [abs(whole - part) / 2 for whole, part in zip(source, seen, strict=True)]
    centre = [
        whole / 2 - 0.5 + rng.uniform(-1, 1) * (beyond + augmentation.shift * part)
        for whole, part, beyond in zip(source, seen, room, strict=True)
    ]
    columns, rows = np.meshgrid(
        np.arange(width, dtype=np.float32) - np.float32(width / 2 - 0.5),
        np.arange(height, dtype=np.float32) - np.float32(height / 2 - 0.5),
    )
    cosine, sine = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    x = np.float32(mirrored) * (cosine * columns - sine * rows) + np.float32(centre[0])
    y = np.float32(upside_down) * (sine * columns + cosine * rows) + np.float32(centre[1])
    if augmentation.elastic:
        x += _smooth_noise(size, augmentation, rng)
        y += _smooth_noise(size, augmentation, rng)
    return Place(x, y)


def _smooth_noise(size: tuple[int, int], augmentation: Augmentation, rng: np.random.Generator) -> Floats:
    """float32 (h, w) in pixels: cubic between random points (Ronneberger et al. 2015, section 3.1)."""
    cell = augmentation.elastic_cell
    points = [max(2, -(-side // cell) + 1) for side in size]
    coarse = rng.standard_normal((points[1], points[0]), np.float32) * np.float32(augmentation.elastic)
    fine = cv2.resize(coarse, (points[0] * cell, points[1] * cell), interpolation=cv2.INTER_CUBIC)
    return np.asarray(fine[: size[1], : size[0]], np.float32)


def _change_intensity(picture: Bytes, augmentation: Augmentation, rng: np.random.Generator) -> Bytes:
    is_grey = bool((picture == picture[..., :1]).all())
    values = picture.astype(np.float32)
    if not is_grey:
        grey = values.mean(axis=-1, keepdims=True)
        colour = 0.0 if rng.random() < augmentation.grey else rng.uniform(*augmentation.saturation)
        values = grey + (values - grey) * np.float32(colour)
        values *= 1 + rng.uniform(-1, 1, 3).astype(np.float32) * np.float32(augmentation.channel_gain)
    if rng.random() < augmentation.invert:
        values = 255 - values
    low, high = np.log(augmentation.gamma)
    exponent = np.float32(math.exp(rng.uniform(low, high)))
    values = np.float32(255) * (np.clip(values, 0, 255) / np.float32(255)) ** exponent
    gain = np.float32(rng.uniform(*augmentation.contrast))
    shift = np.float32(rng.uniform(-augmentation.brightness, augmentation.brightness))
    values = (values - 128) * gain + 128 + shift
    if rng.random() < augmentation.blur:
        values = np.asarray(cv2.GaussianBlur(values, (0, 0), float(rng.uniform(0.4, 1.6))), np.float32)
    if rng.random() < augmentation.noise:
        noise = rng.standard_normal(values.shape[:2], np.float32) * np.float32(rng.uniform(1, 12))
        values = values + noise[..., np.newaxis]
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
