"""The tests between versions of a live service hold their error rates, with the caller as the unit."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from benchmarks import error_rates
from model.evaluation.live.planning import of_pairs, of_two_arms, variance_by_caller, variance_of_share
from model.evaluation.live.randomization import Sums, between, within
from model.evaluation.live.sequence import look, times_as_many, width
from model.evaluation.live.split_check import check_split


def sums(totals: list[float], counts: list[float] | None = None) -> Sums:
    return Sums(np.array(totals, float), np.array(counts or [1] * len(totals), float))


def test_a_difference_in_every_caller_is_found_and_one_in_none_is_not() -> None:
    rng = np.random.default_rng(0)
    a = sums(rng.normal(100, 5, 40).tolist())
    b = sums(rng.normal(90, 5, 40).tolist())
    found = between(a, b)
    assert found.is_real
    assert found.low < -10 < found.high < 0
    assert (found.a, found.b) == (a.mean, b.mean)
    assert not between(a, sums(rng.normal(100, 5, 40).tolist())).is_real


def test_one_caller_with_most_requests_decides_nothing() -> None:
    a = sums([1.0] * 20, [20.0] * 20)
    b = sums([400.0, *[1.0] * 19], [1000.0, *[20.0] * 19])  # 1,000 requests, of which 400 failed
    assert b.mean > 5 * a.mean
    assert not between(a, b).is_real


def test_the_p_value_is_that_of_all_ways_to_deal_the_callers() -> None:
    values = [3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.0, 3.5, 8.0]
    a, b = values[:4], values[4:]

    def statistic(b_at: tuple[int, ...]) -> float:
        b = np.array([values[i] for i in b_at])
        a = np.array([values[i] for i in range(len(values)) if i not in b_at])
        return float(abs(b.mean() - a.mean()) / np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b)))

    found = statistic((4, 5, 6, 7, 8))
    ways = [statistic(at) for at in itertools.combinations(range(9), 5)]
    exact = np.mean([one >= found - 1e-9 for one in ways])
    assert between(sums(a), sums(b)).p_value == pytest.approx(exact, abs=0.02)


def test_the_p_value_of_pairs_is_that_of_all_ways_to_exchange_them() -> None:
    totals, counts = np.array([5.0, 2, 3, -1, 4, 6, 1]), np.array([2.0, 1, 1, 1, 3, 2, 1])

    def statistic(signs: tuple[int, ...]) -> float:
        signed = np.array(signs) * totals
        mean = signed.sum() / counts.sum()
        return float(abs(mean) / np.sqrt(((signed - mean * counts) ** 2).sum() * 7 / 6) * counts.sum())

    found = statistic((1,) * 7)
    exact = np.mean([statistic(one) >= found - 1e-9 for one in itertools.product((-1, 1), repeat=7)])
    assert within(Sums(totals, counts)).p_value == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ([0.0] * 10, [0.0] * 10),  # nobody reports anything
        ([1.0] * 10, [1.0] * 10),
        ([0.0] * 10, [0.0] * 9 + [1.0]),
    ],
)
def test_callers_that_are_all_alike_show_no_difference(a: list[float], b: list[float]) -> None:
    found = between(sums(a), sums(b))
    assert not found.is_real
    assert found.low <= found.mean <= found.high


def test_the_interval_excludes_0_exactly_if_the_test_is_significant() -> None:
    rng = np.random.default_rng(3)
    for shift in np.linspace(0, 1.2, 13):
        found = between(
            sums(rng.lognormal(0, 1, 30).tolist()),
            sums((rng.lognormal(0, 1, 25) + shift).tolist()),
            draws=999,
        )
        assert found.is_real == (found.low > 0 or found.high < 0)


def test_a_version_beside_itself_is_seldom_found_different() -> None:
    """The table in docs/ab.md has more studies: python -m benchmarks.error_rates."""
    found = error_rates.rates(lambda rng: error_rates.once(rng, draws=99), 40)
    for name, most in (
        ("split 90/10, means", 0.15),
        ("split 90/10, shares", 0.15),
        ("shadow, by caller", 0.15),
    ):
        assert found.get(name, 0) <= most, name
    assert found["split 90/10, shares, by request"] > 0.25  # what the caller as the unit prevents


def test_daily_looks_find_a_version_different_from_itself_only_with_a_test_for_one_look() -> None:
    found = error_rates.rates(lambda rng: error_rates.daily(rng, 0.5, draws=39), 5)
    assert max(rate for name, rate in found.items() if name.endswith("one look")) > 0.15
    assert not any(name.endswith("sequential") for name in found)


def test_a_look_is_wider_than_a_single_one_and_narrowest_where_a_plan_would_end() -> None:
    effect = between(sums([1.0, 2, 3, 2] * 20), sums([2.0, 3, 4, 3] * 20))
    found = look(effect, difference=1.0)
    assert found.low < effect.low < effect.high < found.high
    assert found.is_real
    at_the_end = 1 / 2.8  # standard error over difference, at 80 % power
    assert width(at_the_end) == pytest.approx(3.035, abs=0.01)
    assert width(at_the_end) == min(width(at_the_end * factor) for factor in (0.25, 0.5, 1, 2, 4))
    assert 1.8 < times_as_many() < 2.0


@pytest.mark.parametrize(
    ("counts", "holds"),
    [
        ((900, 100), True),
        ((880, 120), True),
        ((500, 500), False),
        ((900, 160), False),
        ((9, 1), True),
        ((0, 0), True),
    ],
)
def test_a_split_is_as_was_asked_or_not(counts: tuple[int, int], holds: bool) -> None:
    check = check_split({"m@1": 90, "m@2": 10}, dict(zip(("m@1", "m@2"), counts, strict=True)))
    assert check.holds == holds
    assert check.asked == {"m@1": 0.9, "m@2": 0.1}


def test_a_plan_needs_the_textbooks_numbers() -> None:
    # Fleiss, Levin and Paik 2003, without correction: 5 % and 3 %, two-sided 5 %, power 80 %
    variances = variance_of_share(0.05), variance_of_share(0.03)
    assert of_two_arms(variances, (0.5, 0.5), 0.02) == pytest.approx(3008, abs=5)
    assert of_two_arms(variances, (0.9, 0.1), 0.02) > 2 * of_two_arms(variances, (0.5, 0.5), 0.02)
    assert of_pairs(4.0, 0.5) == pytest.approx(126, abs=1)


def test_a_planned_study_finds_its_difference_in_four_of_five() -> None:
    rng = np.random.default_rng(5)
    learned = variance_by_caller(sums(rng.lognormal(3, 0.5, 500).tolist()))
    needed = of_two_arms((learned, learned), (0.5, 0.5), 4.0)
    found = 0
    for seed in range(100):
        a, b = rng.lognormal(3, 0.5, (2, needed // 2))
        found += between(sums(a.tolist()), sums((b + 4).tolist()), draws=199, seed=seed).is_real
    assert 65 <= found <= 95
