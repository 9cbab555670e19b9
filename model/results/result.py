"""Result: what a model answers about one picture, and what a caller may wish of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from model.results.segments import Segments

Split = Literal["class", "parts"]
Task = Literal["instance", "semantic"]
MOST_SEGMENTS = 65_535
"""The most that can be asked for: a label map numbers them in 16 bits."""
USUAL_CEILING = 10_000
"""The most segments that are answered unasked, whatever the model's own limit for a picture is."""


class UnknownClass(ValueError):
    """A class that the model does not know; says which it knows."""


class UnsuitablePicture(ValueError):
    """A picture that the model cannot take; says which it takes."""


@dataclass(frozen=True)
class Wishes:
    """What a caller asks of a model; what is None is left to the model.

    >>> Wishes(threshold=0.5, classes=["person", "dog"], max_segments=20).split
    'class'

    Attributes:
        threshold: lowest score kept, 0 to 1; of semantic models the lowest probability of a pixel.
        classes: names to keep; None: all.
        max_segments: keep at most this many, the best; None: as many as the model's own limit for a picture.
        ceiling: the most where `max_segments` is None, even if the model's own limit is higher.
        split: of semantic models: one segment a "class", or one a connected part ("parts").
        min_area: with "parts", the fewest pixels that a part has.
        probability_of: the name of the class whose probabilities are wanted too; semantic models only.
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
            raise ValueError(f"max_segments is at least 1, not {self.max_segments}")
        if self.min_area < 1:
            raise ValueError(f"min_area is at least 1, not {self.min_area}")


@dataclass(frozen=True)
class ClassMap:
    """The classes of a picture's pixels.

    Attributes:
        labels: uint16 (H, W), the class id of each pixel, 0 background. Where classes overlap, it is that of
            the more probable one.
        mean_probabilities: class id → the mean probability of the pixels that have the class, for each class
            that occurs.
        probability: uint8 (H, W), the probability of one class, 0 to 255, where it was asked for.
    """

    labels: npt.NDArray[np.uint16]
    mean_probabilities: dict[int, float]
    probability: npt.NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Result:
    """What a model found in a picture.

    Attributes:
        segments: as every output can show them.
        class_map: of semantic models, the classes that the segments were made from.
        left_out: how many more there are that pass the threshold, but are not among the best so many that
            were asked for.
    """

    segments: Segments
    class_map: ClassMap | None = None
    left_out: int = 0

    @property
    def found(self) -> int:
        """How many segments pass the threshold, those left out included."""
        return len(self.segments) + self.left_out
