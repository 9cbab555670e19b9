"""How many callers or pictures a study needs whose end is fixed beforehand.

The usual normal approximation (for example Kohavi, Tang and Xu 2020, Trustworthy Online Controlled
Experiments, chapter 17), at 5 %, two-sided.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from model.evaluation.comparing import CONFIDENCE, POWER, Values
from model.evaluation.live.randomization import Sums

_NORMAL = NormalDist()


def of_two_arms(
    variances: Sequence[float], shares: Sequence[float], difference: float, power: float = POWER
) -> int:
    """How many callers both arms together need.

    Args:
        variances: of one caller's figure, in each arm.
        shares: the share of callers that each arm gets; together 1.
        difference: the smallest difference of interest.
        power: the chance with which the study should notice such a difference.
    """
    variance = sum(one / share for one, share in zip(variances, shares, strict=True))
    return _whole(variance, difference, power)


def of_pairs(variance: float, difference: float, power: float = POWER) -> int:
    """How many pictures, or callers, are needed whose differences have this variance."""
    return _whole(variance, difference, power)


def _whole(variance: float, difference: float, power: float) -> int:
    factor = _NORMAL.inv_cdf((1 + CONFIDENCE) / 2) + _NORMAL.inv_cdf(power)
    return max(2, math.ceil(factor**2 * variance / difference**2))


def variance_of_share(share: float) -> float:
    """The variance of yes and no, for a caller with one request: more requests of a caller are not known."""
    return share * (1 - share)


def variance_by_caller(sums: Sums) -> float:
    """What one caller adds to the variance of the figure: that of the mean is this over the callers.

    Linearized, as the standard error in `randomization.between`.

    Raises:
        ValueError: there are fewer than two callers.
    """
    if len(sums) < 2:
        raise ValueError(f"two callers are needed, not {len(sums)}")
    residuals: Values = (sums.totals - sums.mean * sums.counts) / sums.counts.mean()
    return float((residuals**2).sum() / (len(sums) - 1))
