"""Figures at each threshold are those of cutting the probabilities there."""

from __future__ import annotations

import numpy as np
import pytest

from model.evaluation.levels import RECALLS, Levels, sweep


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The truth, where the class may be answered, and probabilities that tell something."""
    rng = np.random.default_rng(seed)
    truth = (rng.random((40, 50)) < 0.3).astype(np.uint8)
    probability = np.clip(rng.normal(90 + 80 * truth, 50), 0, 255).astype(np.uint8)
    return truth, (rng.random(truth.shape) < 0.9).astype(np.uint8), probability


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.95])
def test_each_threshold_is_what_cutting_there_gives(threshold: float) -> None:
    truth, where, probability = drawn(1)
    found = (probability >= round(255 * threshold)) & (where > 0)
    both = np.count_nonzero(found & (truth > 0))

    row = Levels.of(truth, where, probability, None).at(threshold)

    assert row["IoU"] == pytest.approx(both / np.count_nonzero(found | (truth > 0)))
    assert row["Dice"] == pytest.approx(2 * both / (found.sum() + truth.sum()))
    assert row["precision"] == pytest.approx(both / found.sum())
    assert row["recall"] == pytest.approx(both / truth.sum())


def test_images_add_up_and_unknown_pixels_do_not_count() -> None:
    truth, where, probability = drawn(2)
    known = np.zeros_like(truth)
    known[:20] = 1
    whole = Levels.of(truth, where, probability, None)
    upper = Levels.of(truth, where, probability, known)
    lower = Levels.of(truth, where, probability, 1 - known)

    assert (upper + lower).at(0.4) == whole.at(0.4)
    assert upper.true.sum() == truth[:20].sum()


def test_the_curve_falls_with_recall_and_its_area_is_the_average_precision() -> None:
    levels = Levels.of(*drawn(3), None)
    curve = levels.curve()

    assert len(curve) == len(RECALLS)
    assert curve == sorted(curve, reverse=True)
    assert levels.average_precision == pytest.approx(np.mean(curve), abs=0.02)


def test_perfect_probabilities_are_perfect_and_nothing_has_no_curve() -> None:
    truth = np.eye(8, dtype=np.uint8)
    perfect = Levels.of(truth, np.ones_like(truth), truth * 255, None)
    nothing = Levels.none()

    assert set(perfect.curve()) == {1.0}
    assert perfect.average_precision == 1
    assert perfect.reliability.error == 0
    assert (nothing.curve(), nothing.average_precision, nothing.at(0.5)["IoU"]) == ([], None, None)


def test_a_sweep_is_the_mean_over_classes() -> None:
    one, other = Levels.of(*drawn(4), None), Levels.of(*drawn(5), None)

    (row,) = sweep({"cat": one, "dog": other}, [0.5])

    assert row["IoU"] == pytest.approx(((one.at(0.5)["IoU"] or 0) + (other.at(0.5)["IoU"] or 0)) / 2)
