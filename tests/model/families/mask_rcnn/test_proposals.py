"""Proposals: the best anchors, moved, clipped, without duplicates."""

from __future__ import annotations

import numpy as np

from model.families.mask_rcnn.proposals import propose
from model.mrcnn import Config

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


def test_unlikely_proposals_are_dropped() -> None:
    objectness = np.array([-1.5, -1.3, 0.0, 100.0], np.float32)  # 0.18, 0.21, 0.5, 1
    anchors = np.stack([ANCHORS[0] + step for step in (0, 0.2, 0.4, 0.6)]).astype(np.float32)
    rois = propose(objectness, np.zeros((4, 4), np.float32), anchors, CONFIG, 10, least_confidence=0.2)
    np.testing.assert_allclose(rois, anchors[[3, 2, 1]], atol=1e-6)


def test_a_level_full_of_candidates_leaves_room_for_the_others() -> None:
    config = Config(pre_nms_limit=10, pre_nms_limit_per_level=2)
    corners = np.linspace(0, 0.9, 12, dtype=np.float32)[:, None].repeat(2, axis=1)
    anchors = np.concatenate([corners, corners + 0.05], axis=1)
    objectness = np.array([9, 8, 7, 6, 5, 4, 3, 2, 1, 0, -1, -2], np.float32)
    nothing = np.zeros((12, 4), np.float32)
    rois = propose(objectness, nothing, anchors, config, 10, level_sizes=[7, 4, 1])
    np.testing.assert_allclose(rois, anchors[[0, 1, 7, 8, 11]], atol=1e-6)
    assert len(propose(objectness, nothing, anchors, CONFIG, 10, level_sizes=[7, 4, 1])) == 10  # no limit
