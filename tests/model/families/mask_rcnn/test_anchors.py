"""Anchors lie where Matterport's do, in the order in which the RPN answers."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_data import TINY

from model.families.mask_rcnn.anchors import pyramid_anchors
from model.mrcnn import Config, MaskRCNN

CONFIG = Config(rpn_anchor_scales=(8, 16, 32, 64, 128), rpn_anchor_ratios=(0.25, 1.0))
HEIGHT, WIDTH = 64, 128
LEVEL_STARTS = np.cumsum([0, 16 * 32 * 2, 8 * 16 * 2, 4 * 8 * 2, 2 * 4 * 2, 1 * 2 * 2])


def in_pixels(anchors: np.ndarray) -> np.ndarray:
    scale = np.array([HEIGHT - 1, WIDTH - 1, HEIGHT - 1, WIDTH - 1])
    return anchors * scale + [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("index", "yxyx"),
    [
        (0, (-8, -2, 8, 2)),  # a quarter as wide as high, of the same area as…
        (1, (-4, -4, 4, 4)),  # …the square beside it
        (2, (-8, 2, 8, 6)),  # then the next column, 4 pixels on
        (2 * 32 + 1, (0, -4, 8, 4)),  # a row is full: 4 pixels down
        (LEVEL_STARTS[1] + 1, (-8, -8, 8, 8)),  # P3 starts
        (LEVEL_STARTS[1] + 3, (-8, 0, 8, 16)),  # and steps by 8
        (LEVEL_STARTS[4] + 3, (-64, 0, 64, 128)),  # the last of all, on P6
    ],
)
def test_an_anchor_lies_where_counted_by_hand(index: int, yxyx: tuple) -> None:
    anchors = pyramid_anchors(CONFIG, HEIGHT, WIDTH)
    np.testing.assert_allclose(in_pixels(anchors)[index], yxyx, atol=1e-4)


def test_there_is_an_anchor_for_each_cell_and_ratio() -> None:
    anchors = pyramid_anchors(CONFIG, HEIGHT, WIDTH)
    assert anchors.shape == (LEVEL_STARTS[-1], 4)
    assert anchors.dtype == np.float32


def test_matterports_square_of_1024_has_its_261888_anchors() -> None:
    assert pyramid_anchors(Config(), 1024, 1024).shape == (261_888, 4)


def test_the_network_answers_for_each_anchor(network: MaskRCNN) -> None:
    _, objectness, deltas = network.trunk(np.zeros((1, 64, 128, 3), np.float32))
    count = len(pyramid_anchors(TINY, 64, 128))
    assert objectness.shape == (1, count)
    assert deltas.shape == (1, count, 4)


def test_anchors_are_shared_and_cannot_be_written_to() -> None:
    anchors = pyramid_anchors(CONFIG, HEIGHT, WIDTH)
    assert pyramid_anchors(CONFIG, HEIGHT, WIDTH) is anchors
    with pytest.raises(ValueError, match="read-only"):
        anchors[0] = 0
