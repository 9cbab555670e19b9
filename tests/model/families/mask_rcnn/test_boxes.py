"""Box arithmetic, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from model.families.mask_rcnn.boxes import (
    apply_deltas,
    clip,
    deltas_between,
    denormalize,
    iou,
    non_maximum_suppression,
    normalize,
)


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


def random_boxes(count: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    corner, size = rng.random((count, 2)), rng.uniform(0.02, 0.5, (count, 2))
    return np.concatenate([corner, corner + size], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("pixels", "normalized"),
    [
        ((0, 0, 101, 201), (0, 0, 1, 1)),  # the whole picture
        ((100, 200, 101, 201), (1, 1, 1, 1)),  # its last pixel
        ((50, 20, 76, 121), (0.5, 0.1, 0.75, 0.6)),
    ],
)
def test_the_first_pixel_is_0_and_the_last_is_1(pixels: tuple, normalized: tuple) -> None:
    np.testing.assert_allclose(normalize(boxes(pixels), 101, 201), boxes(normalized), atol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(64, 64), (768, 1024), (4000, 37)])
def test_pixels_survive_normalisation(height: int, width: int) -> None:
    pixels = (random_boxes(200) / 2 * [height, width, height, width]).astype(np.int32)
    back = denormalize(normalize(pixels, height, width), height, width)
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, pixels)


@pytest.mark.parametrize(
    ("delta", "expected"),
    [
        ((0, 0, 0, 0), (10, 20, 30, 60)),
        ((0.5, -0.25, 0, 0), (20, 10, 40, 50)),  # half the height down, a quarter of the width left
        ((0, 0, np.log(2), np.log(0.5)), (0, 30, 40, 50)),  # about the same centre
    ],
)
def test_deltas_move_and_scale_a_box(delta: tuple, expected: tuple) -> None:
    moved = apply_deltas(boxes((10, 20, 30, 60)), boxes(delta))
    np.testing.assert_allclose(moved, boxes(expected), atol=1e-4)


def test_the_deltas_between_boxes_turn_one_into_the_other() -> None:
    start, target = random_boxes(100, seed=1), random_boxes(100, seed=2)
    np.testing.assert_allclose(apply_deltas(start, deltas_between(start, target)), target, atol=1e-5)


def test_an_untrained_networks_wild_delta_stays_finite() -> None:
    assert np.isfinite(apply_deltas(boxes((0, 0, 1, 1)), boxes((0, 0, 500, 500)))).all()


def test_boxes_are_cut_to_a_window() -> None:
    cut = clip(boxes((-5, 2, 8, 30), (20, 20, 30, 30)), np.array([0, 4, 10, 12]))
    np.testing.assert_array_equal(cut, boxes((0, 4, 8, 12), (10, 12, 10, 12)))


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ((0, 0, 10, 10), (0, 0, 10, 10), 1.0),
        ((0, 0, 10, 10), (0, 5, 10, 15), 1 / 3),  # half of each
        ((0, 0, 10, 10), (2, 2, 4, 4), 0.04),  # inside
        ((0, 0, 10, 10), (0, 10, 10, 20), 0.0),  # touching
        ((0, 0, 10, 10), (20, 20, 30, 30), 0.0),  # apart on both axes: two negative sides
        ((5, 5, 5, 5), (5, 5, 5, 5), 0.0),  # empty
    ],
)
def test_iou(one: tuple, other: tuple, expected: float) -> None:
    assert iou(boxes(one), boxes(other))[0, 0] == pytest.approx(expected)


def test_iou_of_every_pair_has_a_row_for_each_of_the_first() -> None:
    assert iou(random_boxes(3), random_boxes(5)).shape == (3, 5)
    assert iou(random_boxes(3), random_boxes(0)).shape == (3, 0)


# Boxes are in order of their scores.
@pytest.mark.parametrize(
    ("given", "threshold", "limit", "kept"),
    [
        ([], 0.5, 10, []),
        ([(0, 0, 10, 10), (0, 0, 10, 10)], 0.5, 10, [0]),  # a duplicate
        ([(0, 0, 10, 10), (0, 5, 10, 15)], 0.3, 10, [0]),  # IoU 1/3 is over 0.3
        ([(0, 0, 10, 10), (0, 5, 10, 15)], 0.4, 10, [0, 1]),
        ([(0, 0, 10, 10), (0, 0, 10, 20)], 0.5, 10, [0, 1]),  # IoU at the threshold is not over it
        # The second goes, so that it cannot take the third with it
        ([(0, 0, 10, 10), (0, 4, 10, 14), (0, 8, 10, 18)], 0.3, 10, [0, 2]),
        ([(0, 0, 10, 10), (0, 20, 10, 30), (0, 40, 10, 50)], 0.3, 2, [0, 1]),  # the limit
    ],
)
def test_suppression_keeps_the_better_of_two_that_overlap(
    given: list, threshold: float, limit: int, kept: list[int]
) -> None:
    assert non_maximum_suppression(boxes(*given), threshold, limit).tolist() == kept


def test_suppression_gives_what_its_definition_gives() -> None:
    given, kept = random_boxes(300), []
    overlaps = iou(given, given)
    for index in range(len(given)):
        if all(overlaps[index, other] <= 0.3 for other in kept):
            kept.append(index)
    assert non_maximum_suppression(given, 0.3, 1000).tolist() == kept


@pytest.mark.parametrize("limit", [1, 7, 60, 200, 5000])
def test_a_limit_cuts_the_best_and_changes_nothing_else(limit: int) -> None:
    rng = np.random.default_rng(0)
    corners = rng.random((900, 2)) * 0.5
    boxes = np.concatenate([corners, corners + rng.uniform(0.1, 0.4, (900, 2))], axis=1).astype(np.float32)
    everything = non_maximum_suppression(boxes, 0.5, len(boxes))
    np.testing.assert_array_equal(non_maximum_suppression(boxes, 0.5, limit), everything[:limit])
