"""Proposals: the best anchors, moved, clipped, without duplicates."""

from __future__ import annotations

import numpy as np

from model.mrcnn import Config
from model.mrcnn.proposals import propose

CONFIG = Config(pre_nms_limit=10, rpn_nms_threshold=0.7)
STD_DEV = np.array(CONFIG.rpn_bbox_std_dev, np.float32)
ANCHORS = np.array(
    [(0.1, 0.1, 0.3, 0.3), (0.11, 0.1, 0.31, 0.3), (0.5, 0.5, 0.7, 0.9), (0.8, 0.8, 1.2, 1.2)], np.float32
)


def test_proposals_come_best_first_without_duplicates() -> None:
    rois = propose(
        np.array([1.0, 2.0, 3.0, -9.0], np.float32), np.zeros((4, 4), np.float32), ANCHORS, CONFIG, 10
    )
    # Of the two alike the better; the last is cut to the picture
    np.testing.assert_allclose(rois, [ANCHORS[2], ANCHORS[1], (0.8, 0.8, 1, 1)])


def test_deltas_are_in_standard_deviations() -> None:
    deltas = np.array([(1, -2, 0, 0)], np.float32) / STD_DEV * 0.25
    rois = propose(np.zeros(1, np.float32), deltas, ANCHORS[:1], CONFIG, 10)
    np.testing.assert_allclose(rois, [(0.15, 0.0, 0.35, 0.2)], atol=1e-6)  # a quarter down, half left


def test_no_more_come_than_asked_for() -> None:
    rois = propose(np.arange(4, dtype=np.float32), np.zeros((4, 4), np.float32), ANCHORS, CONFIG, 2)
    np.testing.assert_allclose(rois, [(0.8, 0.8, 1, 1), ANCHORS[2]])


def test_only_the_best_anchors_are_looked_at() -> None:
    rng = np.random.default_rng(0)
    objectness = rng.standard_normal(500).astype(np.float32)
    corners = rng.random((500, 2)) * 0.9
    anchors = np.concatenate([corners, corners + 0.001], axis=1).astype(np.float32)
    rois = propose(objectness, np.zeros((500, 4), np.float32), anchors, CONFIG, 100)
    np.testing.assert_allclose(rois, anchors[np.argsort(-objectness)[:10]], atol=1e-6)


def test_when_all_are_alike_one_is_left() -> None:
    anchors = np.repeat(ANCHORS[:1], 50, axis=0)
    assert len(propose(np.zeros(50, np.float32), np.zeros((50, 4), np.float32), anchors, CONFIG, 10)) == 1


def test_no_anchors_give_no_proposals() -> None:
    nothing = np.zeros((0, 4), np.float32)
    assert propose(np.zeros(0, np.float32), nothing, nothing, CONFIG, 10).shape == (0, 4)
