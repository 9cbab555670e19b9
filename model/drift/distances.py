"""Distances: how far the histogram of recent pictures is from that of validation pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

LEAST_PSI = 0.25
"""The population stability index from which credit scoring, where it comes from, speaks of a shift."""
LEAST_KS = 0.2
CHANCE = 1e-4
"""How often chance alone exceeds a limit if recent pictures come from where validation pictures do."""
_ADDED = 0.5  # pictures of the fewer ones, to each bin, so that an empty bin has a logarithm


@dataclass(frozen=True)
class Distances:
    """The distances between two histograms.

    Attributes:
        psi: the population stability index, 0 or more.
        ks: the Kolmogorov-Smirnov distance at the edges of the histograms, 0 to 1.
        shift: how much more often a recent picture has the higher value than a validation picture does, when
            one of each is drawn; -1: never, 0: as often, 1: always.
        psi_limit: the psi that is more than chance, for that many pictures.
        ks_limit: the same for ks.
    """

    psi: float
    ks: float
    shift: float
    psi_limit: float
    ks_limit: float


def distances(before: Sequence[int], now: Sequence[int]) -> Distances:
    """Return how far recent pictures are from validation pictures.

    The limits depend on the number of pictures, since few of them differ by chance. A psi between samples of
    one distribution is about chi-squared distributed, if it is divided by 1/n + 1/m (Yurdakul and Naranjo
    2020, "Statistical properties of the population stability index"). For ks, it is Smirnov's limit for two
    samples, which is cautious, because histograms hide a part of a distance.

    >>> distances([0, 50, 50, 0], [0, 0, 100, 0]).ks
    0.5

    Args:
        before: the number of validation pictures in each of B bins; at least one in total.
        now: the same of recent pictures.
    """
    old, new = np.asarray(before, np.float64), np.asarray(now, np.float64)
    fewer, drawn = min(old.sum(), new.sum()), float(1 / old.sum() + 1 / new.sum())
    old, new = old / old.sum(), new / new.sum()
    below = np.cumsum(old)
    added = _ADDED / fewer
    logarithms = np.log((new + added) / (old + added))
    return Distances(
        psi=float((new - old) @ logarithms) / (1 + added * len(old)),
        ks=float(np.abs(np.cumsum(new) - below).max()),
        shift=float(new @ (2 * below - old - 1)),
        psi_limit=max(LEAST_PSI, _chi_squared(len(old) - 1) * drawn),
        ks_limit=max(LEAST_KS, math.sqrt(-math.log(CHANCE / 2) / 2 * drawn)),
    )


def _chi_squared(freedom: int) -> float:
    """What a chi-squared variable exceeds with the probability CHANCE (Wilson and Hilferty 1931)."""
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + NormalDist().inv_cdf(1 - CHANCE) * math.sqrt(spread)) ** 3
