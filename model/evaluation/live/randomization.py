"""Randomization tests in which the caller is the unit: requests of one caller succeed or fail together.

How many requests a caller sends is heavy-tailed, and one caller may send half of them. Tests that trust a
normal distribution of means then see differences where there are none. Here the distribution under chance is
made from the data itself: between two arms by dealing the callers out anew, within pairs by exchanging the
two versions for some of the callers. The statistic is the difference over its standard error (Janssen 1997,
"Studentized permutation tests for non-i.i.d. hypotheses"; Chung and Romano 2013, "Exact and asymptotically
robust permutation tests"), so that the test is exact if the versions do not differ at all, and holds in
large samples if they differ in spread alone. The interval uses the same distribution: it excludes 0 exactly
if the test is significant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.evaluation.comparing import CONFIDENCE, SEED

FEWEST_CALLERS = 6
"""In each arm, or of pairs. Of 6 pairs, 2 in 64 ways of exchanging them are as uneven as the most uneven."""
DRAWS = 9_999
_FEWEST_DRAWS = 999
_NUMBERS = 100_000_000  # drawn in all: with more than 10,000 callers there are fewer draws
_CHUNK = 1 << 21  # callers drawn at once: a few dozen MiB

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Sums:
    """A figure of some callers, such as the seconds or the failures of their requests.

    Attributes:
        totals: (N,), the sum of the figure over a caller's observations.
        counts: (N,), the number of these observations, at least 1 each. All 1 with caller means as totals:
            each caller counts the same, however many requests it sends.
    """

    totals: Values
    counts: Values

    def __len__(self) -> int:
        return len(self.totals)

    @property
    def mean(self) -> float:
        """The mean over all observations."""
        return float(self.totals.sum() / self.counts.sum())

    def by_caller(self) -> Sums:
        """The same with each caller's mean as one observation."""
        return Sums(self.totals / self.counts, np.ones(len(self)))


@dataclass(frozen=True)
class Effect:
    """The difference of a figure, B minus A.

    Attributes:
        a: the mean of A, over observations.
        b: the mean of B.
        error: the standard error of the difference, with callers as units.
        critical: by how many standard errors a difference must differ from 0 at 5 %.
        p_value: two-sided.
    """

    a: float
    b: float
    error: float
    critical: float
    p_value: float

    @property
    def mean(self) -> float:
        """The difference."""
        return self.b - self.a

    @property
    def low(self) -> float:
        """The lower end of the interval that holds the true difference with 95 % confidence."""
        return self.mean - self._margin

    @property
    def high(self) -> float:
        """The upper end of that interval."""
        return self.mean + self._margin

    @property
    def _margin(self) -> float:
        return self.critical * self.error if self.error else 0.0  # the critical value may be infinite

    @property
    def is_real(self) -> bool:
        """Whether the difference is more than chance, at 5 %."""
        return self.p_value <= 1 - CONFIDENCE


def between(a: Sums, b: Sums, *, draws: int = DRAWS, seed: int = SEED) -> Effect:
    """The difference of two arms, each with callers of its own.

    The standard error is that of a ratio of sums over callers (linearized: Cochran, Sampling Techniques,
    3rd ed., section 6.3).

    Raises:
        ValueError: an arm has fewer than two callers.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"each arm needs two callers, not {len(a)} and {len(b)}")
    totals, counts = np.concatenate((a.totals, b.totals)), np.concatenate((a.counts, b.counts))
    totals = totals - counts * (totals.sum() / counts.sum())  # small numbers: their squares lose no digits
    moments = np.stack((counts, totals, counts**2, counts * totals, totals**2))
    everyone = moments.sum(axis=1)
    # The smaller arm is dealt out; the other one has the rest.
    dealt = min(len(a), len(b))
    found = moments[:, : len(a)].sum(axis=1) if dealt == len(a) else moments[:, len(a) :].sum(axis=1)
    sizes = dealt, len(totals) - dealt
    statistic, error = _of_arms(found[:, None], everyone, sizes)
    rng = np.random.default_rng(seed)
    chance = np.concatenate(
        [
            _of_arms(moments[:, _dealt(rng, len(totals), dealt, rows)].sum(axis=2), everyone, sizes)[0]
            for rows in _rows(len(totals), draws)
        ]
    )
    return Effect(a.mean, b.mean, float(error[0]), *_judged(float(statistic[0]), chance))


def within(differences: Sums, *, draws: int = DRAWS, seed: int = SEED) -> Effect:
    """The mean of differences, B minus A, where each caller's pictures went to both versions.

    If the versions are alike, exchanging A and B for a caller, which turns the sign of its total, changes
    nothing that can be foreseen. `a` of the answer is 0.

    Raises:
        ValueError: there are fewer than two callers.
    """
    if len(differences) < 2:
        raise ValueError(f"two callers are needed, not {len(differences)}")
    totals, counts = differences.totals, differences.counts
    statistic, error = _of_signs(np.ones((1, len(totals))), totals, counts)
    rng = np.random.default_rng(seed)
    chance = np.concatenate(
        [
            _of_signs(rng.integers(0, 2, (rows, len(totals)), np.int8) * 2.0 - 1, totals, counts)[0]
            for rows in _rows(len(totals), draws)
        ]
    )
    return Effect(0.0, differences.mean, float(error[0]), *_judged(float(statistic[0]), chance))


def _rows(callers: int, draws: int) -> Iterator[int]:
    """How many draws to make at once, until all are made."""
    left = min(draws, max(_FEWEST_DRAWS, _NUMBERS // callers))
    while left:
        rows = min(left, max(1, _CHUNK // callers))
        yield rows
        left -= rows


def _dealt(rng: np.random.Generator, callers: int, dealt: int, rows: int) -> npt.NDArray[np.intp]:
    """(rows, dealt): which callers are dealt out, each time without repetition."""
    if dealt == callers:
        return np.tile(np.arange(callers), (rows, 1))
    return np.argpartition(rng.random((rows, callers), np.float32), dealt, axis=1)[:, :dealt]


def _of_arms(found: Values, everyone: Values, sizes: tuple[int, int]) -> tuple[Values, Values]:
    """(D,) statistics and standard errors, from the (5, D) moments of the smaller arm."""
    means, variances = [], []
    for moments, size in zip((found, everyone[:, None] - found), sizes, strict=True):
        count, total, count2, both, total2 = moments
        mean = total / count
        squares = np.maximum(total2 - 2 * mean * both + mean**2 * count2, 0)
        means.append(mean)
        variances.append(squares / count**2 * size / (size - 1))
    error = np.sqrt(variances[0] + variances[1])
    return _ratio(means[0] - means[1], error), error


def _of_signs(signs: Values, totals: Values, counts: Values) -> tuple[Values, Values]:
    """(D,) statistics and standard errors, for (D, N) signs of the totals."""
    size, count = len(totals), counts.sum()
    signed = signs @ totals
    mean = signed / count
    squares = (totals**2).sum() - 2 * mean * (signs @ (totals * counts)) + mean**2 * (counts**2).sum()
    error = np.sqrt(np.maximum(squares, 0) * size / (size - 1)) / count
    return _ratio(mean, error), error


def _ratio(difference: Values, error: Values) -> Values:
    """The size of `difference` in standard errors; without spread, none or endless."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.abs(difference) < 1e-12, 0.0, np.abs(difference) / error)


def _judged(statistic: float, chance: Values) -> tuple[float, float]:
    """The critical value at 5 % and the p-value."""
    draws = len(chance)
    # Ties are ties in spite of rounding: with few callers many draws are the one that was found.
    as_large = int((chance >= statistic * (1 - 1e-9)).sum())
    allowed = int((1 - CONFIDENCE) * (draws + 1) + 1e-9)
    critical = float(np.partition(chance, draws - allowed)[draws - allowed])
    return critical, (1 + as_large) / (1 + draws)
