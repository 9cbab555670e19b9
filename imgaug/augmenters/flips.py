"""Flips, and the augmenter that changes nothing."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from imgaug.augmenters.augmenter import Augmenter, Run
from imgaug.choices import Numbers


class Fliplr(Augmenter):
    """Mirrors an image from left to right with probability `p`."""

    moves_pixels: ClassVar[bool] = True
    _axis = 1

    def __init__(self, p: Any = 1, **common: Any) -> None:
        super().__init__(**common)
        self._probability = Numbers("p", p)

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        flips = rng.random() < self._probability.draw(rng)
        return np.ascontiguousarray(np.flip(image, self._axis)) if flips else image


class Flipud(Fliplr):
    """Turns an image upside down, mirrored, with probability `p`."""

    _axis = 0


class Identity(Augmenter):
    """Changes nothing."""

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        return image


class Noop(Identity):
    """The old name of `Identity`."""
