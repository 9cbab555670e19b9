"""Result: a model's answer about one picture, and the options of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from model.results.classification import Classification
from model.results.segments import Segments

Split = Literal["class", "parts"]
Task = Literal["instance", "semantic", "classify"]
MOST_SEGMENTS = 65_535
"""The most segments that can be requested: a label map numbers them in 16 bits."""
USUAL_CEILING = 10_000
"""The most segments in an answer if the request sets no limit, even if the model's own limit is higher."""


class UnknownClass(ValueError):
    """The model has no such class; the message lists its classes."""


class UnsuitablePicture(ValueError):
    """The model cannot process such a picture; the message says which pictures it can."""


@dataclass(frozen=True)
class Wishes:
    """The options of a request; for those that are None, the model's defaults apply.

    >>> Wishes(threshold=0.5, classes=["person", "dog"], max_segments=20).split
    'class'

    Attributes:
        threshold: the lowest score kept, 0 to 1; for semantic models, the lowest probability of a pixel.
        classes: names of the classes to keep; None: all.
        max_segments: keep at most this many of the best segments; None: the model's own limit for a picture.
        ceiling: the most segments if `max_segments` is None, even if the model's own limit is higher.
        split: for semantic models: one segment for each "class", or for each connected part ("parts").
        min_area: with "parts", the fewest pixels of a part.
        probability_of: the name of a class whose probabilities are returned too; semantic models only.
    """

    threshold: float | None = None
    classes: Sequence[str] | None = None
    max_segments: int | None = None
    split: Split = "class"
    min_area: int = 1
    probability_of: str | None = None
    ceiling: int = USUAL_CEILING

    def __post_init__(self) -> None:
        if self.max_segments is not None and self.max_segments < 1:
            raise ValueError(f"max_segments must be at least 1, not {self.max_segments}")
        if self.min_area < 1:
            raise ValueError(f"min_area must be at least 1, not {self.min_area}")


@dataclass(frozen=True)
class ClassMap:
    """The classes of a picture's pixels.

    Attributes:
        labels: uint16 (H, W), the class id of each pixel, 0 background. If classes overlap, the more probable
            one is used.
        mean_probabilities: class id → the mean probability of the pixels that have the class, for each class
            that occurs.
        probability: uint8 (H, W), the probability of one class, 0 to 255; None if it was not requested.
    """

    labels: npt.NDArray[np.uint16]
    mean_probabilities: dict[int, float]
    probability: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Result:
    """What a model found in a picture.

    Attributes:
        segments: the segments, in the form that every output can show.
        class_map: for semantic models, the class map from which the segments were made.
        classification: for classifiers, the answer; they find no segments.
        left_out: how many more segments pass the threshold, but are beyond the maximum number of segments.
    """

    segments: Segments
    class_map: ClassMap | None = None
    left_out: int = 0
    classification: Classification | None = None

    @property
    def found(self) -> int:
        """How many segments pass the threshold, including those left out."""
        return len(self.segments) + self.left_out
