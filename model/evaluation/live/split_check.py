"""A check that callers were split as was asked: if they were not, nothing that the arms show can be trusted.

A sample ratio mismatch (Fabijan et al. 2019, "Diagnosing sample ratio mismatch in online controlled
experiments", KDD) means that callers are missing from an arm, and those who are missing are seldom like the
others: a version may crash before the line is logged, or drive its callers away.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from model.evaluation.comparing import SEED

FALSE_ALARMS = 0.001
"""The share of good splits that are refused: usual for this check, which stops a study and is made often."""
DRAWS = 99_999


@dataclass(frozen=True)
class SplitCheck:
    """How callers were split.

    Attributes:
        asked: arm → the share that was asked for; together 1.
        callers: arm → the callers that came.
        p_value: of Pearson's chi-square statistic, from multinomial draws: exact for few callers, too.
    """

    asked: Mapping[str, float]
    callers: Mapping[str, int]
    p_value: float

    @property
    def holds(self) -> bool:
        """Whether the callers may be split as was asked."""
        return self.p_value >= FALSE_ALARMS


def check_split(asked: Mapping[str, float], callers: Mapping[str, int], draws: int = DRAWS) -> SplitCheck:
    """Compare the callers of each arm with what was asked.

    Args:
        asked: arm → its weight, above 0.
        callers: arm → its callers; arms without any may be missing.
        draws: of the multinomial distribution: enough to tell a p-value of FALSE_ALARMS.
    """
    shares = np.array(list(asked.values()), np.float64)
    shares /= shares.sum()
    counts = np.array([callers.get(arm, 0) for arm in asked])
    expected = shares * counts.sum()
    if not counts.sum():
        return SplitCheck(dict(zip(asked, shares.tolist(), strict=True)), dict.fromkeys(asked, 0), 1.0)
    found = ((counts - expected) ** 2 / expected).sum()
    drawn = np.random.default_rng(SEED).multinomial(counts.sum(), shares, draws)
    as_odd = int((((drawn - expected) ** 2 / expected).sum(axis=1) >= found * (1 - 1e-9)).sum())
    return SplitCheck(
        dict(zip(asked, shares.tolist(), strict=True)),
        dict(zip(asked, counts.tolist(), strict=True)),
        (1 + as_odd) / (1 + draws),
    )
