"""Baseline: histograms of a model's validation pictures, and of its answers on them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from model.drift.features import FEATURES, Features

LEAST_PICTURES = 30
"""With fewer, chance alone makes distances so large that only the greatest changes stand out from it."""
_FEWEST_BINS, _MOST_BINS = 4, 10
_PICTURES_PER_BIN = 10
_SAME = 0.05  # relative to a value that all pictures have: others are as good as the same up to here
_DIGITS = 6  # significant ones, of an edge

Finite = Annotated[float, Field(allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class TooFewPictures(ValueError):
    """There are too few pictures for a baseline."""


class Histogram(BaseModel):
    """How many pictures have a feature in each of several ranges.

    Bin i has the values from edge i - 1 to below edge i. The first and the last bin have no other end, and
    are empty at first: they are for values that no validation picture has.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    edges: list[Finite] = Field(min_length=1)  # in ascending order
    counts: list[Count]  # one more than edges

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if any(left >= right for left, right in pairwise(self.edges)):
            raise ValueError("edges must be in ascending order")
        if len(self.counts) != len(self.edges) + 1:
            raise ValueError(f"{len(self.edges)} edges need {len(self.edges) + 1} counts")
        if sum(self.counts) == 0:
            raise ValueError("counts must count at least one picture")
        return self

    def bin_of(self, value: float) -> int:
        """Return the index of the bin that a value is in."""
        return bisect_right(self.edges, value)


class Baseline(BaseModel):
    """How many pictures a model was validated on, and the histogram of each feature that they have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: int = Field(ge=1)
    histograms: dict[str, Histogram] = Field(min_length=1)  # feature → histogram

    @model_validator(mode="after")
    def _are_known(self) -> Self:
        if unknown := [name for name in self.histograms if name not in FEATURES]:
            raise ValueError(f"{', '.join(unknown)}: the features are {', '.join(FEATURES)}")
        return self

    def bins_of(self, features: Features) -> dict[str, int]:
        """Return the bin of each of a picture's features that has a histogram."""
        return {
            name: self.histograms[name].bin_of(value)
            for name, value in features.items()
            if name in self.histograms
        }


def baseline_of(pictures: Sequence[Features]) -> Baseline:
    """Make the histograms of pictures from the features of each.

    A feature that fewer than LEAST_PICTURES have, such as the score if the model finds little, is left out.

    Raises:
        TooFewPictures: there are fewer than LEAST_PICTURES.
    """
    if len(pictures) < LEAST_PICTURES:
        raise TooFewPictures(
            f"{len(pictures)} pictures are too few for a baseline, from which changes could be told: give at "
            f"least {LEAST_PICTURES}"
        )
    values = _by_feature(pictures)
    histograms = {name: histogram_of(found) for name, found in values.items() if len(found) >= LEAST_PICTURES}
    return Baseline(pictures=len(pictures), histograms=histograms)


def histogram_of(values: Sequence[float]) -> Histogram:
    """Return the histogram of a feature's values, in bins that hold about equally many of them."""
    edges = _edges_of(np.asarray(values, np.float64))
    counts = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
    return Histogram(edges=edges, counts=counts.tolist())


def _edges_of(values: npt.NDArray[np.float64]) -> list[float]:
    low, high = float(values.min()), float(values.max())
    bins = min(max(len(values) // _PICTURES_PER_BIN, _FEWEST_BINS), _MOST_BINS)
    higher = values[values > low].min(initial=high)  # where many pictures have the lowest value
    inner = np.maximum(np.quantile(values, np.arange(1, bins) / bins), higher).tolist() if high > low else []
    below = low - _margin(low, inner[0] if inner else high)
    above = high + _margin(high, inner[-1] if inner else low)
    return sorted({float(f"{edge:.{_DIGITS}g}") for edge in (below, *inner, above)})


def _margin(end: float, next_edge: float) -> float:
    """Return half the width of the bin at an end: the next pictures may lie a little further out."""
    return abs(end - next_edge) / 2 or abs(end) * _SAME or _SAME


def _by_feature(pictures: Sequence[Mapping[str, float]]) -> dict[str, list[float]]:
    found = {name: [one[name] for one in pictures if name in one] for name in FEATURES}
    return {name: values for name, values in found.items() if values}
