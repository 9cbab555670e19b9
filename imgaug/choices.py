"""Choices: an augmenter's argument, from which a value is drawn for each image.

A number is itself, a tuple (a, b) is any value from a to b, and a list is one of its entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np

ALL = "ALL"
"""As argument of `mode`, `order`, `pad_mode` and `cval`: any that there is."""

Entry = TypeVar("Entry")


class Numbers:
    """The numbers that an argument stands for.

    Raises:
        TypeError: it is neither a number, nor two in a tuple, nor a list of numbers.
    """

    def __init__(self, argument: str, given: Any) -> None:
        self._range = isinstance(given, tuple)
        listed = given if isinstance(given, tuple | list | np.ndarray) else [given]
        numeric = all(isinstance(one, int | float | np.number) for one in listed)
        if not len(listed) or not numeric or (self._range and len(listed) != 2):
            raise TypeError(
                f"{argument}={given!r}: give a number, a tuple (lowest, highest), or a list of numbers to "
                "choose from; MaskServe's stand-in for imgaug has no imgaug.parameters"
            )
        self._values = [float(one) for one in listed]

    def draw(self, rng: np.random.Generator) -> float:
        if self._range:
            return float(rng.uniform(min(self._values), max(self._values)))
        return self._values[int(rng.integers(len(self._values)))]

    def draw_whole(self, rng: np.random.Generator) -> int:
        """A whole number; both ends of a range are as likely as those between."""
        if self._range:
            return int(rng.integers(round(min(self._values)), round(max(self._values)), endpoint=True))
        return round(self.draw(rng))


class OneOfThese(Generic[Entry]):
    """The entries that an argument stands for: one, a list of them, or `ALL`.

    Raises:
        ValueError: one of them is not among `available`.
    """

    def __init__(self, argument: str, given: Any, available: Sequence[Entry]) -> None:
        listed = available if given == ALL else given if isinstance(given, list) else [given]
        for one in listed:
            if one not in available:
                raise ValueError(f"{argument}={one!r} is not available: use one of {list(available)}")
        self._entries = list(listed)

    def draw(self, rng: np.random.Generator) -> Entry:
        return self._entries[int(rng.integers(len(self._entries)))]


class PerChannel:
    """Whether values are drawn for each channel: yes, no, or with a probability."""

    def __init__(self, given: bool | float) -> None:
        self._probability = float(given)

    def draw(self, numbers: Numbers, channels: int, rng: np.random.Generator) -> np.ndarray:
        """float64 (channels,): a number for each channel, perhaps the same for all."""
        if rng.random() < self._probability:
            return np.array([numbers.draw(rng) for _ in range(channels)])
        return np.full(channels, numbers.draw(rng))
