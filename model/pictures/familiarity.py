"""Familiarity: whether a picture looks like those that a model was trained on, by a few plain measures.

The pictures of each kind that training saw are one normal distribution of measures. A picture is as far from
what is known as its Mahalanobis distance to the nearest kind (Mahalanobis 1936; Lee et al. 2018, "A Simple
Unified Framework for Detecting Out-of-Distribution Samples", do so with a network's features, which an engine
here does not give away).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Self

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

MEASURES = ("brightness", "middle", "contrast", "purple", "other_colours")
"""Mean, median and standard deviation of the grey levels; how strong those colours are of which green is the
least part, as in stained tissue; and, as a logarithm, how strong the others are: leaves, wood, sky, skin."""

LEAST_PICTURES = 50
USUAL_SHARE = 0.995
"""Of the training pictures, those within the usual distance."""
MARGIN = 1.4
"""How many times the usual distance is still familiar: other microscopes, lamps, stains than in training."""

_SIDE = 128  # pixels
_SAMPLES_PER_PIXEL = 2  # in a row at least: not every pixel of a large picture is read
_STRETCHED_PERCENTILES = (1, 99)
_LEAST_RANGE = 12  # grey levels: less is an empty field and noise
_FAINTEST_COLOUR = 0.01  # of 1: fainter ones are all the same
_TOLERANCE = 0.03
"""Added to each measure's own spread: a kind that is all grey would not let a trace of colour pass."""
_TINT_REST = 0.01  # share of the light that may be of another colour than the one
_TINT_STRENGTH = 0.5  # least channel in the greatest; lamps tint less, stains that dye show white too

Finite = Annotated[float, Field(allow_inf_nan=False)]
Measures = npt.NDArray[np.float64]


class Kind(BaseModel):
    """One kind of the pictures that a model was trained on, as a normal distribution of their measures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: int = Field(ge=1)  # so many
    mean: dict[str, Finite]  # by measure
    inverse_covariance: list[list[Finite]]  # in the order of `mean`

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if tuple(self.mean) != MEASURES:
            raise ValueError(
                f"mean must have {', '.join(MEASURES)}: take known_pictures out, and let "
                "`python -m model survey` write it anew"
            )
        if [len(row) for row in self.inverse_covariance] != [len(MEASURES)] * len(MEASURES):
            raise ValueError(f"inverse_covariance must be {len(MEASURES)} x {len(MEASURES)} numbers")
        inverse = np.array(self.inverse_covariance)
        if not np.array_equal(inverse, inverse.T) or np.linalg.eigvalsh(inverse)[0] <= 0:
            raise ValueError("inverse_covariance must be symmetric and positive definite")
        return self

    def distance(self, measures: Measures) -> float:
        """The Mahalanobis distance of a picture's measures (M,), 0 or more."""
        away = measures - np.array(list(self.mean.values()))
        return float(np.sqrt(away @ np.array(self.inverse_covariance) @ away))


class KnownPictures(BaseModel):
    """What the pictures that a model was trained on look like."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    usual_distance: float = Field(ge=0, allow_inf_nan=False)  # within which USUAL_SHARE of them lie
    kinds: dict[str, Kind] = Field(min_length=1)

    def nearest(self, measures: Measures) -> tuple[str, float]:
        """The name of the kind to which a picture's measures (M,) are nearest, and the distance."""
        distances = {name: kind.distance(measures) for name, kind in self.kinds.items()}
        name = min(distances, key=distances.__getitem__)
        return name, distances[name]


def measure(image: npt.NDArray[np.uint8]) -> Measures | None:
    """float64 (M,): the MEASURES of a picture, uint8 (H, W, 3), RGB, of any size; None of an empty one.

    How bright and how contrasty it was taken is no matter, nor is the one colour in which software shows a
    grey picture: networks that stretch grey levels find as much in it.
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
    """What pictures look like, from the kind and the measures (M,) of each.

    Raises:
        ValueError: they are too few to tell.
    """
    if len(measured) < LEAST_PICTURES:
        raise ValueError(
            f"{len(measured)} pictures are too few to tell what is usual: give those of the training, "
            f"{LEAST_PICTURES} at least"
        )
    names = sorted({kind for kind, _ in measured})
    kinds = {name: _kind_of(np.array([found for kind, found in measured if kind == name])) for name in names}
    distances = [min(kind.distance(found) for kind in kinds.values()) for _, found in measured]
    return KnownPictures(usual_distance=round(float(np.quantile(distances, USUAL_SHARE)), 3), kinds=kinds)


def _kind_of(measures: Measures) -> Kind:
    """The normal distribution of measures (N, M)."""
    covariance = np.cov(measures.T, bias=True) + _TOLERANCE**2 * np.eye(len(MEASURES))
    inverse = np.linalg.inv(covariance)
    return Kind(
        pictures=len(measures),
        mean=dict(zip(MEASURES, measures.mean(axis=0).round(4).tolist(), strict=True)),
        inverse_covariance=((inverse + inverse.T) / 2).round(2).tolist(),
    )


def _reduced(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """The picture with at most _SIDE pixels a side."""
    step = max(1, max(image.shape[:2]) // (_SIDE * _SAMPLES_PER_PIXEL))
    sampled = image[::step, ::step]
    height, width = sampled.shape[:2]
    scale = _SIDE / max(height, width)
    if scale >= 1:
        return sampled
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(sampled, size, interpolation=cv2.INTER_AREA), np.uint8)


def _without_tint(pixels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Pixels (N, 3), grey where all are one strong colour, only more or less of it: blue on black, say."""
    energies, colours = np.linalg.eigh(pixels.T @ pixels)  # least first
    colour = np.abs(colours[:, -1])
    if energies[:-1].sum() >= _TINT_REST * energies.sum() or colour.min() >= _TINT_STRENGTH * colour.max():
        return pixels
    return np.repeat(pixels @ colour[:, np.newaxis], 3, axis=1)
