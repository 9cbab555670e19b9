"""Levels: the pixels of each probability, from which the figures at every threshold are computed at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.evaluation.reliability import Reliability, reliability
from model.evaluation.verdicts import SWEEP, Row
from model.results.masks import Mask

LEVELS = 256
"""The predictor gives a probability as a byte, 0 to 255."""
RECALLS = tuple(index / 100 for index in range(101))
"""The levels of recall of a curve, as in COCO's."""

Histogram = npt.NDArray[np.int64]

Planes = tuple[Mask, npt.NDArray[np.uint8]]
"""Two planes of one class, uint8 (H, W): where the model answers with the class at threshold 0 (0 or 1), and
its probability (0 to 255)."""


@dataclass(frozen=True)
class Levels:
    """Pixels counted by the probability of one class, each int64 (256,).

    A pixel whose most probable class is another one does not get this class at any threshold, so pixels that
    can get it are counted apart.

    Attributes:
        true: pixels that have the class.
        other: pixels that do not.
        true_found: pixels that have it and get it, at a low enough threshold.
        other_found: pixels that do not have it and get it.
    """

    true: Histogram
    other: Histogram
    true_found: Histogram
    other_found: Histogram

    @classmethod
    def none(cls) -> Levels:
        """No pixels."""
        return cls(*np.zeros((4, LEVELS), np.int64))

    @classmethod
    def of(cls, truth: Mask, where: Mask, probability: npt.NDArray[np.uint8], known: Mask | None) -> Levels:
        """Those of one image.

        Args:
            truth: uint8 (H, W) of 0 and 1: the pixels that have the class.
            where: uint8 (H, W) of 0 and 1: the pixels that get it at threshold 0.
            probability: uint8 (H, W), 0 to 255.
            known: uint8 (H, W) of 0 and 1: the pixels that count; None: all.
        """
        keys = probability.astype(np.int32)
        keys += LEVELS * (truth.astype(np.int32) + 2 * where.astype(np.int32))
        counted = keys.ravel() if known is None else keys[known > 0]
        (other, true), (other_found, true_found) = np.bincount(counted, minlength=4 * LEVELS).reshape(
            2, 2, LEVELS
        )
        return cls(true + true_found, other + other_found, true_found, other_found)

    def __add__(self, more: Levels) -> Levels:
        return Levels(
            self.true + more.true,
            self.other + more.other,
            self.true_found + more.true_found,
            self.other_found + more.other_found,
        )

    def at(self, threshold: float) -> Row:
        """IoU, Dice, precision and recall at a threshold, 0 to 1; None where nothing is found or there."""
        first = round(threshold * (LEVELS - 1))
        both, false = int(self.true_found[first:].sum()), int(self.other_found[first:].sum())
        truth = int(self.true.sum())
        return {
            "IoU": _share(both, truth + false),
            "Dice": _share(2 * both, truth + both + false),
            "precision": _share(both, both + false),
            "recall": _share(both, truth),
        }

    def curve(self) -> list[float]:
        """The precision at each of `RECALLS`: the highest at that recall or a higher one, as COCO counts.

        0 where the recall is not reached; empty if no pixel has the class.
        """
        recall, precision = self._points()
        if not len(recall):
            return []
        best = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, np.array(RECALLS) - 1e-12)
        return np.append(best, 0.0)[at].tolist()

    @property
    def average_precision(self) -> float | None:
        """The mean precision over all pixels of the class, 0 to 1; None if there are none."""
        recall, precision = self._points()
        return float((np.diff(recall, prepend=0.0) * precision).sum()) if len(recall) else None

    @property
    def reliability(self) -> Reliability:
        """How often a pixel with a probability has the class."""
        return reliability(np.arange(LEVELS) / (LEVELS - 1), self.true, self.true + self.other)

    def _points(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Recall, ascending, and precision, from the highest level to the lowest one."""
        truth = self.true.sum()
        if not truth:
            return np.zeros(0), np.zeros(0)
        both, false = np.cumsum(self.true[::-1]), np.cumsum(self.other[::-1])
        some = both + false > 0
        return both[some] / truth, both[some] / (both + false)[some]


def sweep(levels: Mapping[str, Levels], thresholds: Sequence[float] = SWEEP) -> list[Row]:
    """The figures of `Levels.at` for each threshold, each averaged over the classes that have it."""
    rows: list[Row] = []
    for threshold in thresholds:
        at = [one.at(threshold) for one in levels.values()]
        rows.append({"threshold": threshold, **{name: _mean([row[name] for row in at]) for name in at[0]}})
    return rows


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
