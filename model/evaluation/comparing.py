"""Comparing: whether a difference of two models on the same pictures is more than chance.

The unit is the picture, never the object or the pixel: those of one picture succeed or fail together, and
counting them singly makes any difference look certain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

DRAWS = 10_000
CONFIDENCE = 0.95
POWER = 0.8
"""The usual chance with which a study should notice a difference that is there."""
FEWEST = 6
"""With fewer pictures nothing is certain: in 1 study of 16, all of 5 favour one of two equal models."""
SEED = 18
"""Fixed, so that a comparison says the same each time."""
_CHUNK = 1 << 24  # numbers drawn at once: 128 MiB
_NORMAL = NormalDist()

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """The difference of a figure, B minus A, as a mean over pictures.

    Attributes:
        pictures: their number.
        a: the mean of A.
        b: the mean of B.
        low: the lower end of the interval that holds the true difference with 95 % confidence.
        high: its upper end.
        needed: about how many pictures would show a difference of this size, if it is real, in four of five
            studies; None if it is 0 or the pictures do not differ among each other.
        p_value: of McNemar's exact test, for a figure that is 0 or 1, wrong or right; else None.
        only_a: for such a figure, the pictures on which A alone is right.
        only_b: the pictures on which B alone is right.
    """

    pictures: int
    a: float
    b: float
    low: float
    high: float
    needed: int | None
    p_value: float | None = None
    only_a: int = 0
    only_b: int = 0

    @property
    def mean(self) -> float:
        """The mean of B minus A."""
        return self.b - self.a

    @property
    def is_real(self) -> bool:
        """Whether it is more than chance, at 5 %: by the exact test if there is one, else by the interval."""
        if self.pictures < FEWEST:
            return False
        if self.p_value is not None:
            return self.p_value < 1 - CONFIDENCE
        return self.low > 0 or self.high < 0


def difference(a: Values, b: Values, *, draws: int = DRAWS, seed: int = SEED) -> Difference:
    """The difference of a figure that was measured by two models on the same pictures.

    Args:
        a: (N,), the figure of model A on each picture.
        b: (N,), of model B, in the same order. If all values are 0 or 1, McNemar's test applies.
        draws: of the bootstrap.
        seed: of the bootstrap.

    Raises:
        ValueError: there are no pictures, or not as many for A as for B.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or a.ndim != 1 or not len(a):
        raise ValueError(f"two figures for each picture are needed, not {a.shape} and {b.shape}")
    low, high = bootstrap_interval(b - a, draws=draws, seed=seed)
    yes_or_no = bool(np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all())
    means = float(a.mean()), float(b.mean())
    if not yes_or_no:
        return Difference(len(a), *means, low, high, needed(b - a))
    only_a, only_b = int((a > b).sum()), int((b > a).sum())
    return Difference(len(a), *means, low, high, needed(b - a), mcnemar(only_a, only_b), only_a, only_b)


def bootstrap_interval(
    values: Values, *, draws: int = DRAWS, seed: int = SEED, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The interval of the mean of (N,) values, by the bootstrap with bias correction and acceleration (BCa).

    Efron 1987, "Better bootstrap confidence intervals". The acceleration is that of the mean, a sixth of the
    skewness over √N. With one picture, or if all are equal, the interval is empty.
    """
    mean, spread = float(values.mean()), float(values.std())
    if spread <= 1e-12 * max(1.0, abs(mean)):
        return mean, mean
    rng = np.random.default_rng(seed)
    rows = max(1, _CHUNK // len(values))
    means = np.concatenate([_means(values, min(rows, draws - start), rng) for start in range(0, draws, rows)])
    # Half of those that are equal: with few pictures many are.
    below = (np.count_nonzero(means < mean) + 0.5 * np.count_nonzero(means == mean)) / draws
    bias = _NORMAL.inv_cdf(min(max(below, 0.5 / draws), 1 - 0.5 / draws))
    acceleration = float(((values - mean) ** 3).mean()) / (6 * spread**3 * math.sqrt(len(values)))
    ends = []
    for share in ((1 - confidence) / 2, (1 + confidence) / 2):
        moved = bias + _NORMAL.inv_cdf(share)
        ends.append(_NORMAL.cdf(bias + moved / (1 - acceleration * moved)))
    low, high = np.quantile(means, ends).tolist()
    return low, high


def _means(values: Values, draws: int, rng: np.random.Generator) -> Values:
    """(draws,): the mean of as many values as there are, drawn with replacement, each time."""
    return values[rng.integers(0, len(values), (draws, len(values)), np.uint32)].mean(axis=1)


def needed(values: Values) -> int | None:
    """About how many pictures would show that the mean of (N,) differences is not 0, in four of five studies.

    By the normal approximation, with the spread of these pictures. None if the mean or the spread is 0.
    """
    if len(values) < 2:
        return None
    mean, spread = float(values.mean()), float(values.std(ddof=1))
    if abs(mean) < 1e-12 or spread < 1e-12:
        return None
    factor = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2) + _NORMAL.inv_cdf(POWER)
    return max(2, math.ceil((factor * spread / mean) ** 2))


def mcnemar(only_a: int, only_b: int) -> float:
    """The p-value, two-sided, of McNemar's exact test.

    Args:
        only_a: pictures on which A alone is right.
        only_b: pictures on which B alone is right.
    """
    count, fewer = only_a + only_b, min(only_a, only_b)
    ways = tail = 1
    for k in range(fewer):
        ways = ways * (count - k) // (k + 1)  # whole: the binomial coefficients, one after another
        tail += ways
    return min(1.0, 2 * tail / 2**count)
