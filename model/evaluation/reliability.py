"""Reliability: whether probabilities mean what they say, by Guo et al. 2017 (arXiv:1706.04599)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

BINS = 10
"""Intervals of equal width from 0 to 1, the usual number."""


@dataclass(frozen=True)
class Reliability:
    """How often predictions of a probability come true, for each of some intervals of it.

    Attributes:
        counts: int64 (B,), the predictions in each of B intervals of equal width.
        confidences: float64 (B,), their mean probability; NaN if there are none.
        shares: float64 (B,), the share of them that came true; NaN if there are none.
    """

    counts: npt.NDArray[np.int64]
    confidences: npt.NDArray[np.float64]
    shares: npt.NDArray[np.float64]

    @property
    def error(self) -> float | None:
        """The expected calibration error, 0 to 1: the mean distance of confidence and share, by predictions.

        None if there are no predictions.
        """
        total = self.counts.sum()
        if not total:
            return None
        distances = np.nan_to_num(np.abs(self.confidences - self.shares))
        return float((self.counts * distances).sum() / total)

    def to_json(self) -> list[dict[str, Any]]:
        """One entry for each interval, for `json.dump`."""
        edges = np.linspace(0, 1, len(self.counts) + 1).round(6).tolist()
        return [
            {
                "from": edges[index],
                "to": edges[index + 1],
                "count": int(count),
                "confidence": float(self.confidences[index]) if count else None,
                "share": float(self.shares[index]) if count else None,
            }
            for index, count in enumerate(self.counts)
        ]


def reliability(
    probabilities: npt.NDArray, true: npt.NDArray, total: npt.NDArray | None = None, bins: int = BINS
) -> Reliability:
    """The Reliability of N predictions, or of N groups of predictions with the same probability.

    Args:
        probabilities: (N,), 0 to 1. 1 belongs to the last interval, any other edge to the one above it.
        true: (N,), whether each came true; of a group, how many did.
        total: (N,), the number of predictions in each group; None: 1.
        bins: the number of intervals.
    """
    probabilities = np.asarray(probabilities, np.float64)
    true = np.asarray(true, np.float64)
    weights = np.ones_like(probabilities) if total is None else np.asarray(total, np.float64)
    # 0.3 * 10 is below 3 in floating point.
    index = np.minimum(np.floor(probabilities * bins + 1e-9), bins - 1).astype(np.int64)
    counts = np.bincount(index, weights, bins)
    with np.errstate(invalid="ignore"):
        return Reliability(
            counts.astype(np.int64),
            np.bincount(index, weights * probabilities, bins) / counts,
            np.bincount(index, true, bins) / counts,
        )


def mean_error(several: Sequence[Reliability]) -> float | None:
    """The mean of their errors, without those that have no predictions; None if none has."""
    errors = [one.error for one in several]
    known = [error for error in errors if error is not None]
    return float(np.mean(known)) if known else None
