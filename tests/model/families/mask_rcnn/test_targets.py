"""What the RPN and the heads should have answered, by hand and for a drawn object."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
from drawn_data import BOOT, TINY, labels_with, sample_of

from model.families.mask_rcnn.augmentation import Augmentation, augment
from model.families.mask_rcnn.boxes import apply_deltas, denormalize, normalize
from model.families.mask_rcnn.targets import (
    NEGATIVE,
    NEUTRAL,
    PADDING_CLASS,
    POSITIVE,
    Truth,
    roi_targets,
    rpn_targets,
)
from model.mrcnn import Config
from model.results.masks import paste

CONFIG = Config(
    num_classes=4,
    rpn_train_anchors_per_image=6,
    train_rois_per_image=6,
    roi_positive_ratio=0.5,
    mini_mask_shape=(8, 8),
)
SIDE = 201
"""Pixels a side, so that 200 pixels are 1."""


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    """Normalised boxes from hundredths."""
    return np.array(rows, np.float32).reshape(-1, 4) / 100


def truth_of(*rows: tuple[float, ...], crowds: Sequence[tuple[float, ...]] = ()) -> Truth:
    """Full masks of classes 1, 2, …"""
    count = len(rows)
    return Truth(
        boxes(*rows),
        np.arange(1, count + 1, dtype=np.int32),
        np.ones((count, 8, 8), np.uint8),
        boxes(*crowds),
    )


@pytest.mark.parametrize(
    ("anchor", "expected"),
    [
        ((0, 0, 20, 20), POSITIVE),  # the object itself
        ((0, 0, 20, 26), POSITIVE),  # IoU 0.77
        ((0, 0, 20, 30), NEUTRAL),  # 0.67
        ((0, 0, 20, 60), NEUTRAL),  # 0.33
        ((0, 0, 20, 80), NEGATIVE),  # 0.25
        ((50, 50, 70, 70), NEGATIVE),  # apart
    ],
)
def test_an_anchor_is_judged_by_its_overlap(anchor: tuple, expected: int) -> None:
    anchors = boxes((0, 0, 20, 20), anchor)  # the first takes the place of the object's best
    match, _ = rpn_targets(anchors, truth_of((0, 0, 20, 20)), CONFIG, rng())
    assert match[1] == expected


def test_an_objects_best_anchors_are_positive_however_little_they_overlap() -> None:
    anchors = boxes((0, 0, 40, 40), (10, 0, 50, 40), (60, 60, 99, 99))
    match, deltas = rpn_targets(anchors, truth_of((0, 0, 10, 10), (55, 55, 65, 65)), CONFIG, rng())
    assert match.tolist() == [POSITIVE, NEGATIVE, POSITIVE]
    assert (deltas[1] == 0).all()


def test_the_deltas_of_a_positive_anchor_give_its_object() -> None:
    anchors = boxes((0, 0, 20, 26), (48, 50, 70, 73), (30, 0, 40, 9))
    truth = truth_of((0, 0, 20, 20), (50, 50, 70, 70))
    match, deltas = rpn_targets(anchors, truth, CONFIG, rng())
    assert match.tolist() == [POSITIVE, POSITIVE, NEGATIVE]
    moved = apply_deltas(anchors, deltas * np.array(CONFIG.rpn_bbox_std_dev, np.float32))
    np.testing.assert_allclose(moved[:2], truth.boxes, atol=1e-6)


@pytest.mark.parametrize(
    ("alike", "apart", "positives", "negatives"),
    [
        (10, 10, 3, 3),  # more than enough of both: half each
        (1, 10, 1, 5),  # background fills up
        (10, 1, 3, 1),  # but objects never beyond half
        (0, 10, 0, 6),
    ],
)
def test_as_many_anchors_are_used_as_the_config_says(
    alike: int, apart: int, positives: int, negatives: int
) -> None:
    anchors = boxes(*[(0, 0, 20, 20)] * alike, *[(50, 50, 70, 70)] * apart)
    match, _ = rpn_targets(anchors, truth_of(*[(0, 0, 20, 20)] * bool(alike)), CONFIG, rng())
    assert (match == POSITIVE).sum() == positives
    assert (match == NEGATIVE).sum() == negatives


def test_what_touches_a_crowd_is_not_background_but_may_be_an_object() -> None:
    crowd, small = (40, 40, 95, 95), (60, 60, 61, 61)  # the small one's IoU with the crowd is 0.0003
    anchors = boxes((0, 0, 20, 20), (30, 30, 41, 41), small, (50, 50, 70, 70), (0, 60, 20, 80))
    truth = truth_of((0, 0, 20, 20), (50, 50, 70, 70), crowds=[crowd])
    match, _ = rpn_targets(anchors, truth, CONFIG, rng())
    assert match.tolist() == [POSITIVE, NEUTRAL, NEUTRAL, POSITIVE, NEGATIVE]

    targets = roi_targets(anchors, truth, CONFIG, rng())
    background = targets.rois[targets.class_ids == 0]
    np.testing.assert_array_equal(background, anchors[4:])
    assert set(targets.class_ids[targets.class_ids > 0].tolist()) <= {1, 2}
    assert (targets.class_ids > 0).sum() == 3


def test_a_picture_that_is_all_crowd_teaches_nothing() -> None:
    truth = truth_of(crowds=[(0, 0, 100, 100)])
    anchors = boxes((0, 0, 20, 20), (30, 30, 41, 41))
    assert not rpn_targets(anchors, truth, CONFIG, rng())[0].any()
    assert (roi_targets(anchors, truth, CONFIG, rng()).class_ids == PADDING_CLASS).all()


def test_rois_are_positives_then_background_then_padding() -> None:
    truth = truth_of((0, 0, 20, 20), (50, 50, 90, 90))
    proposals = boxes((48, 50, 88, 90), (0, 0, 20, 60), (30, 0, 50, 20))  # IoU 0.9, 0.33, 0
    targets = roi_targets(proposals, truth, CONFIG, rng())
    positive = targets.class_ids > 0
    assert positive.tolist() == [True] * 3 + [False] * 3  # the one proposal, and the objects themselves
    assert sorted(targets.class_ids.tolist()) == [PADDING_CLASS, 0, 0, 1, 2, 2]
    assert targets.class_ids[3:].tolist() == [0, 0, PADDING_CLASS]
    np.testing.assert_array_equal(targets.rois[5], 0)
    np.testing.assert_array_equal(targets.deltas[3:], 0)
    moved = apply_deltas(targets.rois[:3], targets.deltas[:3] * np.array(CONFIG.bbox_std_dev, np.float32))
    np.testing.assert_allclose(moved, truth.boxes[targets.class_ids[:3] - 1], atol=1e-6)
    assert targets.masks.shape == (3, 28, 28)
    assert set(np.unique(targets.masks)) <= {0, 1}


def test_positives_stay_within_their_share() -> None:
    targets = roi_targets(
        np.repeat(boxes((0, 0, 20, 20)), 20, axis=0), truth_of((0, 0, 20, 20)), CONFIG, rng()
    )
    assert (targets.class_ids == 1).sum() == 3
    assert (targets.class_ids == PADDING_CLASS).sum() == 3


@pytest.mark.parametrize(
    ("proposals", "expected"),
    [
        (boxes((0, 0, 20, 20), (30, 30, 60, 60)), [0, 0, -1, -1, -1, -1]),
        (boxes((30, 30, 30, 60)), [-1] * 6),  # one without extent has no features
        (boxes(), [-1] * 6),  # nor any proposal
    ],
)
def test_a_picture_without_objects_has_only_background(proposals: np.ndarray, expected: list[int]) -> None:
    targets = roi_targets(proposals, truth_of(), CONFIG, rng())
    assert targets.class_ids.tolist() == expected
    assert not targets.masks.any()


def test_the_target_mask_lies_on_the_object_wherever_the_roi_lies() -> None:
    box_px = np.array([[60, 50, 60 + 4 * 24, 50 + 4 * 16]])
    object_mask = np.kron(BOOT, np.ones((4, 4), np.uint8))
    truth = Truth(normalize(box_px, SIDE, SIDE), np.array([1], np.int32), object_mask[None])
    picture = np.zeros((SIDE, SIDE), bool)
    picture[60:156, 50:114] = object_mask

    jitter = np.random.default_rng(1).uniform(-0.12, 0.12, (40, 4)).astype(np.float32)
    height, width = truth.boxes[0, 2:] - truth.boxes[0, :2]
    proposals = truth.boxes + jitter * np.array([height, width, height, width])
    config = dataclasses.replace(CONFIG, train_rois_per_image=40, roi_positive_ratio=1.0)
    targets = roi_targets(proposals.astype(np.float32), truth, config, rng())
    assert (targets.class_ids == 1).all()
    for roi, mask in zip(denormalize(targets.rois, SIDE, SIDE).tolist(), targets.masks, strict=True):
        y1, x1, y2, x2 = roi
        pasted = paste(mask, x2 - x1, y2 - y1).astype(bool)
        expected = picture[y1:y2, x1:x2]
        assert (pasted & expected).sum() / (pasted | expected).sum() > 0.9


def test_a_mini_mask_pasted_into_its_box_is_the_drawn_object() -> None:
    labels = labels_with((128, 128), [(20, 30, np.kron(BOOT, np.ones((2, 2), np.uint8)))])
    config = dataclasses.replace(TINY, image_min_dim=128)
    still = Augmentation(quarter_turns=False, vertical_flip=False, zoom=(1, 1))
    _, truth = augment(sample_of(labels), 128, config, still, np.random.default_rng(0))
    y1, x1, y2, x2 = denormalize(truth.boxes, 128, 128)[0]
    pasted = np.zeros((128, 128), bool)
    pasted[y1:y2, x1:x2] = paste(truth.mini_masks[0].astype(np.float32), x2 - x1, y2 - y1)
    overlaps = [
        (pasted & drawn).sum() / (pasted | drawn).sum() for drawn in (labels > 0, labels[:, ::-1] > 0)
    ]
    assert max(overlaps) > 0.97  # one of them, as the coin fell
