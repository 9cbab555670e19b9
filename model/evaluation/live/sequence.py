"""A test for those who look every day: valid whenever they stop.

A normal mixture sequential probability ratio test (Robbins 1970, "Statistical methods related to the law of
the iterated logarithm"; Johari, Koomen, Pekelis and Walsh 2022, "Always valid inference: continuous
monitoring of A/B tests"): its interval holds the true difference at all looks together with 95 % confidence.
It is asymptotic (Waudby-Smith et al. 2024, "Time-uniform central limit theory and asymptotic confidence
sequences"), and with callers of very different size the statistic is far from normal. The standard error is
therefore widened by what the randomization test has found: its critical value over that of a normal
distribution. Without that, up to a quarter of comparisons of a version with itself end with a verdict
(`python -m benchmarks.error_rates`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from model.evaluation.comparing import CONFIDENCE, POWER
from model.evaluation.live.randomization import Effect

FEWEST_AT_A_LOOK = 20
"""Callers in each arm, or of pairs, from which a look counts."""
_NORMAL = NormalDist()
_FIXED = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2)


@dataclass(frozen=True)
class Look:
    """What one of any number of looks says.

    Attributes:
        effect: the difference and the randomization test at this moment.
        low: the lower end of the interval that holds the true difference at all looks together.
        high: its upper end.
    """

    effect: Effect
    low: float
    high: float

    @property
    def is_real(self) -> bool:
        """Whether the difference is more than chance, at 5 % over all looks."""
        return self.low > 0 or self.high < 0

    @property
    def wider(self) -> float:
        """How many times as wide the interval is as that of a single look at a moment fixed beforehand."""
        fixed = self.effect.high - self.effect.low
        return (self.high - self.low) / fixed if fixed else 1.0


def look(effect: Effect, difference: float) -> Look:
    """What `effect` says if it is one of many looks.

    Args:
        effect: of the data so far.
        difference: the smallest difference of interest, above 0, in units of the figure; the same at every
            look. The interval is narrowest about when a study planned for it would end.
    """
    error = effect.error * max(1.0, effect.critical / _FIXED) if effect.error else 0.0
    margin = error * width(error / difference) if error else 0.0
    return Look(effect, effect.mean - margin, effect.mean + margin)


def width(error: float) -> float:
    """Half the interval's width in standard errors, for a standard error in smallest differences."""
    k = error**2
    return math.sqrt((1 + k) * (math.log1p(1 / k) + 2 * math.log(1 / (1 - CONFIDENCE))))


def times_as_many(power: float = POWER) -> float:
    """How many times the units of a fixed plan are needed to show the smallest difference, at the most.

    At the most, since a sequential test usually ends earlier: when the difference is larger or luck is kind.
    """
    fixed = _FIXED + _NORMAL.inv_cdf(power)
    low, high = 0.01, 1 / fixed  # the standard error in smallest differences: sought is the one that shows it
    for _ in range(60):
        middle = (low + high) / 2
        enough = middle * (width(middle) + _NORMAL.inv_cdf(power)) <= 1
        low, high = (middle, high) if enough else (low, middle)
    return (1 / (fixed * low)) ** 2
