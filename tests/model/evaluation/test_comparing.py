"""Comparisons find differences that are there, and rarely others: held by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest

from model.evaluation.comparing import bootstrap_interval, difference, mcnemar, needed

STUDIES = 300


def intervals(shift: float, pictures: int) -> list[tuple[float, float]]:
    """Of studies with pictures of unequal difficulty, which two models find equally hard but for `shift`."""
    rng = np.random.default_rng(5)
    found = []
    for study in range(STUDIES):
        difficulty = rng.beta(5, 2, pictures)
        a, b = (np.clip(difficulty + rng.normal(0, 0.1, pictures), 0, 1) for _ in range(2))
        found.append(bootstrap_interval(b + shift - a, draws=400, seed=study))
    return found


def test_the_interval_of_equal_models_holds_zero_in_about_95_of_100_studies() -> None:
    held = sum(low <= 0 <= high for low, high in intervals(0.0, pictures=40))

    # Three standard deviations of a share of 0.95, and the point that a bootstrap of 40 lacks.
    assert 0.95 - 0.02 - 3 * math.sqrt(0.95 * 0.05 / STUDIES) <= held / STUDIES < 1


def test_a_real_difference_is_noticed_as_often_as_the_number_of_pictures_promises() -> None:
    spread = np.sqrt(2) * 0.1
    pictures = needed(np.array([0.05 - spread, 0.05 + spread] * 500)) or 0  # for 80 of 100 studies
    noticed = sum(low > 0 for low, _ in intervals(0.05, pictures))

    assert 0.7 < noticed / STUDIES < 0.92
    assert all(low > 0 for low, _ in intervals(0.05, 10 * pictures))


def test_a_comparison_says_the_same_each_time_and_mirrors_when_turned_round() -> None:
    a, b = np.random.default_rng(1).random((2, 30))

    one, again, turned = difference(a, b), difference(a, b), difference(b, a)

    assert one == again
    assert (one.mean, one.needed) == pytest.approx((-turned.mean, turned.needed))
    assert (one.low, one.high) == pytest.approx((-turned.high, -turned.low), abs=0.02)
    assert one.p_value is None


def test_a_skewed_difference_has_a_skewed_interval() -> None:
    """One picture of 30 makes the whole difference: the interval reaches further to its side."""
    values = np.zeros(30)
    values[0] = 1.0
    low, high = bootstrap_interval(values)

    assert high - values.mean() > 1.5 * (values.mean() - low)


def test_equal_answers_are_no_difference_and_one_picture_proves_nothing() -> None:
    same = difference(np.full(5, 0.5), np.full(5, 0.5))
    always = difference(np.zeros(4) + 0.1, np.zeros(4) + 0.3)

    assert (same.mean, same.low, same.high, same.needed, same.is_real) == (0, 0, 0, None, False)
    assert (always.low, always.needed, always.is_real) == (pytest.approx(0.2), None, False)


@pytest.mark.parametrize(
    ("only_a", "only_b", "p_value"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (0, 5, 2 / 2**5),
        (1, 9, 2 * (1 + 10) / 2**10),
        (3, 12, 2 * (1 + 15 + 105 + 455) / 2**15),
    ],
)
def test_mcnemars_test_counts_the_pictures_on_which_one_alone_is_right(
    only_a: int, only_b: int, p_value: float
) -> None:
    assert mcnemar(only_a, only_b) == mcnemar(only_b, only_a) == pytest.approx(p_value)


def test_right_and_wrong_is_judged_by_the_exact_test() -> None:
    a = np.array([1.0] * 20 + [0.0] * 5)
    b = np.array([1.0] * 20 + [1.0] * 5)

    found = difference(a, b)

    assert (found.only_a, found.only_b, found.p_value) == (0, 5, 2 / 2**5)
    assert not found.is_real  # 5 of 5 may be chance, though the interval is above 0
    assert found.low > 0


def test_figures_without_a_partner_are_refused() -> None:
    with pytest.raises(ValueError, match="two figures for each picture"):
        difference(np.zeros(3), np.zeros(4))
