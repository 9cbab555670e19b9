"""Sampling says which cells RoIAlign reads; that it reads as crop_and_resize does, test_roi_align shows."""

from __future__ import annotations

import numpy as np
import pytest

from model.families.mask_rcnn.sampling import STRIDES, sampling_points

HEIGHT, WIDTH = 192, 1024


@pytest.mark.parametrize(
    "roi",
    [
        (0, 0, 1, 1),  # the whole picture
        (0.2, 0.3, 0.2, 0.3),  # a point
        (0.999, 0.999, 1, 1),  # the last corner
        (-0.5, -0.5, 1.5, 1.5),  # beyond the picture
    ],
)
def test_every_point_lies_among_its_levels_cells_and_its_weights_add_to_one(roi: tuple) -> None:
    corners, weights = sampling_points(np.array([[roi]], np.float32), (HEIGHT, WIDTH), 7)
    assert corners.shape == weights.shape == (1, 1, 7, 7, 4)
    assert (corners.dtype, weights.dtype) == (np.int32, np.float32)
    ends = np.cumsum([(HEIGHT // stride) * (WIDTH // stride) for stride in STRIDES])
    levels = np.searchsorted(ends, corners.ravel(), side="right")
    assert corners.min() >= 0
    assert len(set(levels)) == 1
    assert levels[0] < len(STRIDES)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-6)


def test_a_point_between_four_cells_weighs_them_by_nearness() -> None:
    position = (2.25 / (HEIGHT // 4 - 1), 5.5 / (WIDTH // 4 - 1))  # on P2, row 2.25 and column 5.5
    corners, weights = sampling_points(np.array([[[*position, *position]]], np.float32), (HEIGHT, WIDTH), 1)
    row = WIDTH // 4
    assert corners.ravel().tolist() == [2 * row + 5, 2 * row + 6, 3 * row + 5, 3 * row + 6]
    np.testing.assert_allclose(weights.ravel(), [0.375, 0.375, 0.125, 0.125], atol=1e-5)
