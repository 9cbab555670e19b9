"""The augmenters."""

from typing import NoReturn

from imgaug.augmenters.augmenter import Augmenter
from imgaug.augmenters.containers import OneOf, Sequential, SomeOf, Sometimes
from imgaug.augmenters.flips import Fliplr, Flipud, Identity, Noop
from imgaug.augmenters.sides import Crop, CropAndPad, Pad
from imgaug.augmenters.values import (
    Add,
    AdditiveGaussianNoise,
    ContrastNormalization,
    GaussianBlur,
    LinearContrast,
    Multiply,
)
from imgaug.augmenters.warps import Affine, PiecewiseAffine

__all__ = [
    "Add",
    "AdditiveGaussianNoise",
    "Affine",
    "Augmenter",
    "ContrastNormalization",
    "Crop",
    "CropAndPad",
    "Fliplr",
    "Flipud",
    "GaussianBlur",
    "Identity",
    "LinearContrast",
    "Multiply",
    "Noop",
    "OneOf",
    "Pad",
    "PiecewiseAffine",
    "Sequential",
    "SomeOf",
    "Sometimes",
]


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(
        f"MaskServe's stand-in for imgaug has no augmenter {name!r}. It has {', '.join(__all__)}. "
        "See docs/matterport.md"
    )
