"""RoIAlign reads the level that fits, as Matterport's crop_and_resize would."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from model.families.mask_rcnn.roi_align import RoIAlign, cells_of
from model.families.mask_rcnn.sampling import sampling_points

HEIGHT, WIDTH = 512, 640
STRIDES = (4, 8, 16, 32)
TOLERANCE = 1e-4
"""1e-5 of the range of normal noise, whose neighbours are far apart: both sides round their positions."""


def pyramid(count: int, channels: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [
        rng.standard_normal((count, HEIGHT // stride, WIDTH // stride, channels), np.float32)
        for stride in STRIDES
    ]


def random_rois(count: int, per_picture: int) -> np.ndarray:
    """Boxes of every size inside the picture, most of them small."""
    rng = np.random.default_rng(1)
    size = np.exp(rng.uniform(np.log(0.02), 0, (count, per_picture, 2)))
    corner = rng.random((count, per_picture, 2)) * (1 - size)
    return np.concatenate([corner, corner + size], axis=-1).astype(np.float32)


def align(size: int, features: list[np.ndarray], rois: np.ndarray) -> np.ndarray:
    height, width = (STRIDES[0] * cells for cells in features[0].shape[1:3])
    return RoIAlign()([cells_of(features), *sampling_points(rois, (height, width), size)])


def level_by_rule(rois: np.ndarray) -> np.ndarray:
    """0 for P2 … 3 for P5 (FPN, equation 1, for normalised boxes)."""
    height, width = rois[..., 2] - rois[..., 0], rois[..., 3] - rois[..., 1]
    level = np.round(4 + np.log2(np.sqrt(height * width) / (224 / np.sqrt(HEIGHT * WIDTH))))
    return np.clip(level, 2, 5).astype(int) - 2


@pytest.mark.parametrize("size", [7, 14])
def test_it_gives_what_crop_and_resize_gives_on_the_level_of_each_roi(size: int) -> None:
    features, rois = pyramid(3), random_rois(3, 60)
    levels = level_by_rule(rois)
    assert set(levels.ravel()) == {0, 1, 2, 3}
    expected = np.empty((3, 60, size, size, 3), np.float32)
    for level, cells in enumerate(features):
        pictures, slots = np.nonzero(levels == level)
        expected[pictures, slots] = tf.image.crop_and_resize(
            cells, rois[pictures, slots], pictures, (size, size)
        )
    np.testing.assert_allclose(align(size, features, rois), expected, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("roi", "level"),
    [
        ((0, 0, 1, 1), 3),  # the whole picture
        ((0, 0, 0.1, 0.08), 0),  # the first corner
        ((0.9, 0.92, 1, 1), 0),  # the last
        ((0, 0.3, 1, 0.4), 2),  # a column from edge to edge
        ((0, 0, 0, 0), 0),  # padding
        ((1, 1, 1, 1), 0),  # nothing, at the last pixel
    ],
)
def test_a_roi_on_the_edge_is_read_like_any_other(roi: tuple, level: int) -> None:
    features, rois = pyramid(1), np.array([[roi]], np.float32)
    expected = tf.image.crop_and_resize(features[level], rois[0], [0], (7, 7))
    np.testing.assert_allclose(align(7, features, rois)[0], expected, atol=TOLERANCE)


@pytest.mark.parametrize(
    ("side", "level"),
    [
        (1, 2),
        (79, 2),  # 224 / 2^1.5 is 79.2
        (80, 3),
        (158, 3),  # 224 / √2 is 158.4
        (159, 4),
        (224, 4),
        (316, 4),  # 224 · √2 is 316.8
        (317, 5),
        (1024, 5),
    ],
)
def test_the_level_follows_the_side_in_pixels(side: int, level: int) -> None:
    features = [
        np.full((1, 1024 // stride, 1024 // stride, 1), name, np.float32)
        for name, stride in enumerate(STRIDES, start=2)
    ]
    rois = np.array([[[0, 0, side / 1024, side / 1024]]], np.float32)
    np.testing.assert_array_equal(align(2, features, rois), np.full((1, 1, 2, 2, 1), level))


def test_no_rois_give_no_features() -> None:
    assert align(7, pyramid(1), np.zeros((1, 0, 4), np.float32)).shape == (1, 0, 7, 7, 3)
