"""Classification: the probability of each class for a whole picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Classification:
    """A classifier's answer about a picture.

    Attributes:
        probabilities: float32 (K,), of each class, 0 to 1; their sum is 1.
    """

    probabilities: npt.NDArray[np.float32]

    @property
    def class_id(self) -> int:
        """The index of the most probable class, from 0: a classifier's classes have no background."""
        return int(self.probabilities.argmax())

    @property
    def probability(self) -> float:
        """The probability of that class."""
        return float(self.probabilities[self.class_id])
