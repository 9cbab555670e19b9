"""The foreground-restricted Rand score, against pairs of pixels that are counted one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from model.evaluation.rand_score import best_of, rand_score, rand_scores, regions_of


def counted_by_pairs(truth: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Split and merge by their definition: over ordered pairs of pixels, each with itself included."""
    pixels = [(t, f) for t, f in zip(truth.ravel(), found.ravel(), strict=True) if t > 0]
    in_truth = in_found = in_both = 0
    for (i, (t, f)), (j, (u, g)) in itertools.product(enumerate(pixels), repeat=2):
        same_truth = t == u
        same_found = i == j or (f == g and f > 0)  # a pixel of a boundary is alone
        in_truth += same_truth
        in_found += same_found
        in_both += same_truth and same_found
    return in_both / in_truth, in_both / in_found


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_counting_all_pairs_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, found = rng.integers(0, 4, (2, 6, 7))

    score = rand_score(truth, found)

    assert score is not None
    assert (score.split, score.merge) == pytest.approx(counted_by_pairs(truth, found))


@pytest.mark.parametrize(
    ("found", "split", "merge"),
    [
        ([1, 1, 0, 2, 2], 1, 1),  # as in truth
        ([7, 7, 7, 5, 5], 1, 1),  # numbers and boundaries of truth do not matter
        ([1, 1, 1, 1, 1], 1, 8 / 16),  # all merged: 4 + 4 of 16 pairs
        ([1, 2, 0, 3, 4], 4 / 8, 1),  # all split
        ([0, 0, 0, 0, 0], 4 / 8, 1),  # pixels of a boundary are regions of their own
        ([1, 0, 0, 2, 2], 6 / 8, 1),  # one pixel of the first lost
    ],
)
def test_merging_and_splitting_are_told_apart(found: list[int], split: float, merge: float) -> None:
    score = rand_score(np.array([1, 1, 0, 2, 2]), np.array(found))

    assert score is not None
    assert (score.split, score.merge) == pytest.approx((split, merge))
    assert score.score == pytest.approx(2 * split * merge / (split + merge))


def test_a_gap_of_one_pixel_in_a_membrane_counts_though_few_pixels_are_wrong() -> None:
    membrane = np.zeros((20, 21), np.uint8)
    membrane[:, 10] = 1
    gap = membrane.copy()
    gap[5, 10] = 0

    (whole,) = rand_scores(membrane, membrane * 255, "boundary", [0.5]) or []
    (broken,) = rand_scores(membrane, gap * 255, "boundary", [0.5]) or []

    assert whole.score == 1
    assert broken.split == 1
    assert broken.merge == pytest.approx(0.5, abs=0.01)


def test_pixels_that_touch_at_corners_divide_regions() -> None:
    inside = 1 - np.eye(6, dtype=np.uint8)

    assert regions_of(inside).max() == 2


def test_the_best_threshold_is_that_of_the_mean_and_sides_mirror_each_other() -> None:
    membrane = np.zeros((8, 9), np.uint8)
    membrane[:, 4] = 1
    probability = np.full(membrane.shape, 102, np.uint8)  # 0.4 away from the membrane, 0.8 on it
    probability[:, 4] = 204
    thresholds = [0.2, 0.6, 0.9]

    scores = rand_scores(membrane, probability, "boundary", thresholds) or []
    inverse = rand_scores(1 - membrane, 255 - probability, "inside", thresholds) or []

    assert [one.score == 1 for one in scores] == [False, True, False]
    assert best_of([scores, scores]) == 1
    assert best_of([inverse]) == 1  # 0.6 inside, 0.2 on the membrane
    assert rand_scores(np.ones_like(membrane), probability, "boundary", thresholds) is None
