"""Values: brightness, contrast, blur and noise. Pixels stay in their places."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from imgaug.augmenters.augmenter import Augmenter, Run
from imgaug.choices import Numbers, PerChannel
from imgaug.pixels import as_type, by_channels

MIDDLE_GREY = 127
LEAST_SIGMA = 0.001
"""Pixels; less is no blur."""


class _Arithmetic(Augmenter):
    """Changes all pixels of an image, or of each of its channels, by a number."""

    def __init__(self, argument: str, number: Any, per_channel: bool | float, **common: Any) -> None:
        super().__init__(**common)
        self._number = Numbers(argument, number)
        self._per_channel = PerChannel(per_channel)

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        channels = image.shape[2] if image.ndim == 3 else 1
        numbers = self._per_channel.draw(self._number, channels, rng)
        if image.ndim == 2:
            numbers = numbers[0]
        changed = self._computed(image.astype(np.float64), numbers)
        if np.issubdtype(image.dtype, np.integer):
            changed = np.floor(changed)  # as imgaug, which truncates
        return as_type(changed, image.dtype)

    def _computed(self, image: npt.NDArray[np.float64], numbers: npt.NDArray[np.float64]) -> npt.NDArray:
        raise NotImplementedError


class Multiply(_Arithmetic):
    """Multiplies pixels by `mul`, with `per_channel` (True, or a probability) each channel by its own."""

    def __init__(self, mul: Any = (0.8, 1.2), per_channel: bool | float = False, **common: Any) -> None:
        super().__init__("mul", mul, per_channel, **common)

    def _computed(self, image: npt.NDArray[np.float64], numbers: npt.NDArray[np.float64]) -> npt.NDArray:
        return image * numbers


class Add(_Arithmetic):
    """Adds `value` grey levels to pixels; `per_channel` as for `Multiply`."""

    def __init__(self, value: Any = (-20, 20), per_channel: bool | float = False, **common: Any) -> None:
        super().__init__("value", value, per_channel, **common)

    def _computed(self, image: npt.NDArray[np.float64], numbers: npt.NDArray[np.float64]) -> npt.NDArray:
        return image + np.rint(numbers)


class LinearContrast(_Arithmetic):
    """Multiplies the difference of pixels from middle grey by `alpha`; `per_channel` as for `Multiply`."""

    def __init__(self, alpha: Any = (0.6, 1.4), per_channel: bool | float = False, **common: Any) -> None:
        super().__init__("alpha", alpha, per_channel, **common)

    def _computed(self, image: npt.NDArray[np.float64], numbers: npt.NDArray[np.float64]) -> npt.NDArray:
        return MIDDLE_GREY + numbers * (image - MIDDLE_GREY)


class ContrastNormalization(LinearContrast):
    """The old name of `LinearContrast`."""

    def __init__(self, alpha: Any = 1.0, per_channel: bool | float = False, **common: Any) -> None:
        super().__init__(alpha, per_channel, **common)


class GaussianBlur(Augmenter):
    """Blurs by a Gaussian with a standard deviation of `sigma` pixels."""

    def __init__(self, sigma: Any = (0.0, 3.0), **common: Any) -> None:
        super().__init__(**common)
        self._sigma = Numbers("sigma", sigma)

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        sigma = self._sigma.draw(rng)
        if sigma < LEAST_SIGMA:
            return image
        return by_channels(image, lambda part: np.asarray(cv2.GaussianBlur(part, (0, 0), sigma)))


class AdditiveGaussianNoise(Augmenter):
    """Adds noise of mean `loc` and standard deviation `scale`, in grey levels.

    With `per_channel` (True, or a probability), each channel has its own noise.
    """

    def __init__(
        self, loc: Any = 0, scale: Any = (0, 15), per_channel: bool | float = False, **common: Any
    ) -> None:
        super().__init__(**common)
        self._mean, self._deviation = Numbers("loc", loc), Numbers("scale", scale)
        self._per_channel = float(per_channel)

    def _augmented(
        self, image: npt.NDArray, rng: np.random.Generator, run: Run, parents: list[Augmenter]
    ) -> npt.NDArray:
        mean, deviation = self._mean.draw(rng), self._deviation.draw(rng)
        own = rng.random() < self._per_channel
        shape = image.shape if own else (*image.shape[:2], *[1] * (image.ndim - 2))
        return as_type(image + rng.normal(mean, deviation, shape), image.dtype)
