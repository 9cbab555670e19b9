"""Epochs: the order in which a run sees its pictures."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

ORDER, VIEW = 0, 1
"""Tell apart the random numbers for the order of an epoch from those for a view of a picture."""


class Epochs:
    """All pictures in a random order, then all in another order, and so on.

    Args:
        pictures: their number.
        seed: of all random numbers.
    """

    def __init__(self, pictures: int, seed: int) -> None:
        self._pictures = pictures
        self._seed = seed
        self._order = lru_cache(maxsize=2)(self._order_of)  # a batch may lie in two epochs

    def picture_at(self, place: int) -> int:
        """The picture at a place in the run, counted from 0."""
        epoch, within = divmod(place, self._pictures)
        return int(self._order(epoch)[within])

    def view_at(self, place: int) -> np.random.Generator:
        """Random numbers for the view of the picture at a place in the run."""
        return np.random.default_rng((self._seed, VIEW, place))

    def _order_of(self, epoch: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng((self._seed, ORDER, epoch)).permutation(self._pictures)
