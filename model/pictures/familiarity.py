"""Familiarity: whether a picture looks like those that a model was trained on, by a few simple measures.

The training pictures of each kind are described by a normal distribution of their measures. The distance of a
picture is its Mahalanobis distance to the nearest kind (Mahalanobis 1936). Lee et al. 2018, "A Simple Unified
Framework for Detecting Out-of-Distribution Samples", apply this to a network's features, which the engines
here do not return.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

MEASURES = ("brightness", "middle", "contrast", "purple", "other_colours")
"""Mean, median and standard deviation of the grey levels; the strength of colours in which green is the
weakest channel, as in stained tissue; and the logarithm of the strength of other colours, as of leaves, wood,
sky and skin."""

LEAST_PICTURES = 50
USUAL_SHARE = 0.995
"""The share of the training pictures that lie within the usual distance."""
MARGIN = 1.4
"""Pictures up to this many times the usual distance are familiar: microscopes, lamps and stains may differ
from those in training."""

_SIDE = 128  # pixels
_SAMPLES_PER_PIXEL = 2  # at least, along a side: of a large picture, not every pixel is read
_STRETCHED_PERCENTILES = (1, 99)
_LEAST_RANGE = 12  # grey levels; below this, a picture is an empty field with noise
_FAINTEST_COLOUR = 0.01  # on a scale of 0 to 1; fainter colours are not distinguished
_TOLERANCE = 0.03
"""Added to the spread of each measure. Without it, a kind that is all grey would reject a trace of colour."""
_TINT_REST = 0.01  # the largest share of the light that may differ from the one colour of a tinted picture
_TINT_STRENGTH = 0.5  # weakest over strongest channel; lamps tint less, and stained slides show white too

Finite = Annotated[float, Field(allow_inf_nan=False)]
Measures = npt.NDArray[np.float64]


class Kind(BaseModel):
    """One kind of training pictures, as a normal distribution of their measures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: int = Field(ge=1)  # how many there were
    mean: dict[str, Finite]  # measure → value
    inverse_covariance: list[list[Finite]]  # in the order of `mean`

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if tuple(self.mean) != MEASURES:
            raise ValueError(
                f"mean must have the entries {', '.join(MEASURES)}: delete known_pictures, and run "
                "`python -m model survey` to create it again"
            )
        if [len(row) for row in self.inverse_covariance] != [len(MEASURES)] * len(MEASURES):
            raise ValueError(f"inverse_covariance must be {len(MEASURES)} x {len(MEASURES)} numbers")
        inverse = np.array(self.inverse_covariance)
        if not np.array_equal(inverse, inverse.T) or np.linalg.eigvalsh(inverse)[0] <= 0:
            raise ValueError("inverse_covariance must be symmetric and positive definite")
        return self

    def distance(self, measures: Measures) -> float:
        """Return the Mahalanobis distance of a picture's measures (M,), 0 or more."""
        away = measures - np.array(list(self.mean.values()))
        return float(np.sqrt(away @ np.array(self.inverse_covariance) @ away))


class KnownPictures(BaseModel):
    """A description of the pictures that a model was trained on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    usual_distance: float = Field(ge=0, allow_inf_nan=False)  # USUAL_SHARE of them lie within it
    kinds: dict[str, Kind] = Field(min_length=1)

    def nearest(self, measures: Measures) -> tuple[str, float]:
        """Return the name of the kind nearest to a picture's measures (M,), and the distance."""
        distances = {name: kind.distance(measures) for name, kind in self.kinds.items()}
        name = min(distances, key=distances.__getitem__)
        return name, distances[name]


def measure(image: npt.NDArray[np.uint8]) -> Measures | None:
    """Return float64 (M,), the MEASURES of a picture, uint8 (H, W, 3), RGB, of any size; None if it is empty.

    They do not depend on brightness and contrast, nor on a single colour in which software shows a grey
    picture, because networks that stretch grey levels find as much in such pictures.
    """
    pixels = _without_tint(_reduced(image).reshape(-1, 3).astype(np.float32))
    low, high = np.percentile(pixels, _STRETCHED_PERCENTILES).astype(np.float32)
    if high - low < _LEAST_RANGE:
        return None
    pixels = np.clip((pixels - low) / (high - low), 0, 1)
    grey = pixels.mean(axis=1)
    red, green, blue = pixels.T
    purple = np.maximum(np.minimum(red, blue) - green, 0).mean()
    others = np.maximum(green - np.minimum(red, blue), 0).mean()
    return np.array(
        [grey.mean(), np.median(grey), grey.std(), purple, np.log(_FAINTEST_COLOUR + others)], np.float64
    )


def survey(measured: Sequence[tuple[str, Measures]]) -> KnownPictures:
    """Describe pictures from the kind and the measures (M,) of each.

    Raises:
        ValueError: there are fewer than LEAST_PICTURES.
    """
    if len(measured) < LEAST_PICTURES:
        raise ValueError(
            f"{len(measured)} pictures are too few to tell what is usual: give at least {LEAST_PICTURES} of "
            "the training pictures"
        )
    names = sorted({kind for kind, _ in measured})
    kinds = {name: _kind_of(np.array([found for kind, found in measured if kind == name])) for name in names}
    distances = [min(kind.distance(found) for kind in kinds.values()) for _, found in measured]
    return KnownPictures(usual_distance=round(float(np.quantile(distances, USUAL_SHARE)), 3), kinds=kinds)


def _kind_of(measures: Measures) -> Kind:
    """Return the normal distribution of measures (N, M)."""
    covariance = np.cov(measures.T, bias=True) + _TOLERANCE**2 * np.eye(len(MEASURES))
    inverse = np.linalg.inv(covariance)
    return Kind(
        pictures=len(measures),
        mean=dict(zip(MEASURES, measures.mean(axis=0).round(4).tolist(), strict=True)),
        inverse_covariance=((inverse + inverse.T) / 2).round(2).tolist(),
    )


def _reduced(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the picture reduced to at most _SIDE pixels a side."""
    step = max(1, max(image.shape[:2]) // (_SIDE * _SAMPLES_PER_PIXEL))
    sampled = image[::step, ::step]
    height, width = sampled.shape[:2]
    scale = _SIDE / max(height, width)
    if scale >= 1:
        return sampled
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(sampled, size, interpolation=cv2.INTER_AREA), np.uint8)


def _without_tint(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return pixels (N, 3), as grey if all are shades of one strong colour, such as blue on black."""
    energies, colours = np.linalg.eigh(pixels.T @ pixels)  # in ascending order
    colour = np.abs(colours[:, -1])
    if energies[:-1].sum() >= _TINT_REST * energies.sum() or colour.min() >= _TINT_STRENGTH * colour.max():
        return pixels
    return np.repeat(pixels @ colour[:, np.newaxis], 3, axis=1)
