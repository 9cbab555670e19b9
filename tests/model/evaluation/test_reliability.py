"""Reliability and its error, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from model.evaluation.reliability import mean_error, reliability


def test_predictions_fall_into_intervals_by_their_probability() -> None:
    found = reliability(np.array([0.05, 0.3, 0.34, 0.99, 1.0]), np.array([0, 1, 0, 1, 1]))

    assert found.counts.tolist() == [1, 0, 0, 2, 0, 0, 0, 0, 0, 2]  # 0.3 is in the fourth, 1 in the last
    assert found.shares[3] == 0.5
    assert found.confidences[3] == pytest.approx(0.32)
    rows = found.to_json()
    assert (rows[3]["from"], rows[3]["to"], rows[1]["share"]) == (0.3, 0.4, None)


def test_the_error_is_the_distance_of_confidence_and_share_by_predictions() -> None:
    # Three of four at 0.8 are right: 0.05 off. One at 0.3 is wrong: 0.3 off.
    found = reliability(np.array([0.8, 0.8, 0.8, 0.8, 0.3]), np.array([1, 1, 1, 0, 0]))

    assert found.error == pytest.approx((4 * 0.05 + 1 * 0.3) / 5)


def test_groups_count_as_the_predictions_in_them() -> None:
    single = reliability(np.array([0.2, 0.2, 0.9]), np.array([1, 0, 1]))
    groups = reliability(np.array([0.2, 0.9]), np.array([1, 1]), np.array([2, 1]))

    assert groups.to_json() == single.to_json()


def test_honest_probabilities_have_no_error_and_no_predictions_no_figure() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.random(200_000)
    honest = reliability(probabilities, rng.random(200_000) < probabilities)
    nothing = reliability(np.zeros(0), np.zeros(0))

    assert honest.error == pytest.approx(0, abs=0.01)
    assert nothing.error is None
    assert mean_error([honest, nothing]) == honest.error
