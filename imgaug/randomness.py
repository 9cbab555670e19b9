"""Random numbers: the generator that all augmenters share unless they have their own."""

from __future__ import annotations

from typing import Any

import numpy as np

_shared = np.random.default_rng()


def seed(entropy: int | None = None, seedval: int | None = None) -> None:
    """Start the shared generator anew, so that augmentations repeat; `seedval` is the argument's old name."""
    global _shared
    _shared = np.random.default_rng(entropy if entropy is not None else seedval)


def shared() -> np.random.Generator:
    """The generator that all augmenters share."""
    return _shared


def generator_of(given: Any) -> np.random.Generator | None:
    """The generator that an augmenter was given, as a seed or in one of NumPy's forms; None if it was not."""
    if given is None:
        return None
    if isinstance(given, np.random.RandomState):
        given = given.randint(2**31)
    return np.random.default_rng(given)
