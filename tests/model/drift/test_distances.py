"""Distances between histograms: their values, and how often chance alone exceeds their limits."""

from __future__ import annotations

import numpy as np
import pytest

from model.drift.baseline import histogram_of
from model.drift.distances import LEAST_KS, LEAST_PSI, Distances, distances


@pytest.mark.parametrize(
    ("before", "now", "ks", "shift"),
    [
        ([0, 50, 50, 0], [0, 50, 50, 0], 0, 0),
        ([0, 50, 50, 0], [0, 5, 5, 0], 0, 0),
        ([0, 50, 50, 0], [0, 0, 100, 0], 0.5, 0.5),
        ([0, 50, 50, 0], [0, 100, 0, 0], 0.5, -0.5),
        ([0, 50, 50, 0], [0, 0, 0, 100], 1, 1),
        ([0, 50, 50, 0], [100, 0, 0, 0], 1, -1),
        ([0, 50, 50, 0], [50, 0, 0, 50], 0.5, 0),  # wider, but neither higher nor lower
    ],
)
def test_distances_of_plain_histograms(before: list[int], now: list[int], ks: float, shift: float) -> None:
    found = distances(before, now)
    assert (found.ks, found.shift) == pytest.approx((ks, shift))
    assert (found.psi < 0.01) == (ks == 0)


def test_the_population_stability_index_is_that_of_the_textbook() -> None:
    before, now = np.array([200, 300, 500]), np.array([100, 300, 600])
    expected = float((np.array([-0.1, 0, 0.1]) * np.log(now / before)).sum())
    assert distances(before.tolist(), now.tolist()).psi == pytest.approx(expected, rel=0.02)


def test_many_pictures_need_a_change_that_matters_and_few_one_beyond_chance() -> None:
    many, few = distances([5000, 5000], [5000, 5000]), distances([20, 20], [5, 5])
    assert (many.psi_limit, many.ks_limit) == (LEAST_PSI, LEAST_KS)
    assert few.psi_limit > 1 and few.ks_limit > 0.7


@pytest.mark.parametrize("validated", [30, 67, 300])
def test_chance_rarely_exceeds_the_limits(validated: int) -> None:
    random = np.random.default_rng(validated)
    tried, over = 2000, 0
    for _ in range(tried):
        histogram = histogram_of(random.lognormal(size=validated).tolist())
        places = np.searchsorted(histogram.edges, random.lognormal(size=300), side="right")
        found = distances(histogram.counts, np.bincount(places, minlength=len(histogram.counts)).tolist())
        over += is_over(found)
    assert over <= 2  # 0.4 are expected


def is_over(found: Distances) -> bool:
    return found.psi > found.psi_limit or found.ks > found.ks_limit
