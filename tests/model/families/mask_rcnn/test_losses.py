"""The five losses, by hand: means over what counts, and 0 where nothing does."""

from __future__ import annotations

import numpy as np
import pytest

from model.families.mask_rcnn import losses


def array(*values: object, dtype: str = "float32") -> np.ndarray:
    return np.array(values, dtype)


def ids(*values: object) -> np.ndarray:
    return np.array(values, np.int32)


@pytest.mark.parametrize(
    ("match", "objectness", "expected"),
    [
        ([1], [0.0], np.log(2)),  # even odds
        ([-1], [np.log(3)], np.log(4)),  # three to one for an object where there is none
        ([1, -1, 0, 0], [0.0, np.log(3), 50.0, -50.0], (np.log(2) + np.log(4)) / 2),  # neutral: left out
        ([0, 0], [50.0, -50.0], 0.0),  # no anchor used
    ],
)
def test_rpn_class_loss(match: list, objectness: list, expected: float) -> None:
    assert float(losses.rpn_class_loss(ids(match), array(objectness))) == pytest.approx(expected, abs=1e-5)


# Smooth L1: half the square below 1, a half less than the size above; a mean over the four deltas.
@pytest.mark.parametrize(
    ("match", "difference", "expected"),
    [
        ([1], [(0.5, 0, 0, 0)], 0.125 / 4),
        ([1], [(-3, 0, 0, 0)], 2.5 / 4),
        ([1, 1], [(0.5, 0, 0, 0), (-3, 1, 0, 0)], (0.125 + 2.5 + 0.5) / 8),
        ([1, -1, 0], [(0.5, 0, 0, 0), (9, 9, 9, 9), (9, 9, 9, 9)], 0.125 / 4),  # objects' anchors only
        ([-1, 0], [(9, 9, 9, 9), (9, 9, 9, 9)], 0.0),  # no object
    ],
)
def test_rpn_bbox_loss(match: list, difference: list, expected: float) -> None:
    answered = np.ones((1, len(match), 4), np.float32)
    loss = losses.rpn_bbox_loss(ids(match), answered + array(difference), answered)
    assert float(loss) == pytest.approx(expected, abs=1e-6)


LOGITS = np.log(np.array([0.5, 0.3, 0.2], np.float32))


@pytest.mark.parametrize(
    ("class_ids", "expected"),
    [
        ([0, 2], -(np.log(0.5) + np.log(0.2)) / 2),  # background counts
        ([1, -1, -1], -np.log(0.3)),  # padding does not
        ([-1, -1], 0.0),
    ],
)
def test_mrcnn_class_loss(class_ids: list, expected: float) -> None:
    logits = np.tile(LOGITS, (1, len(class_ids), 1))
    assert float(losses.mrcnn_class_loss(ids(class_ids), logits)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("class_ids", "expected"),
    [
        ([2], 0.125 / 4),  # off by a half in one delta of class 2
        ([1], 1.5),  # off by 2 in all of class 1's
        ([2, 0, -1], 0.125 / 4),  # background and padding have no box
        ([0, -1], 0.0),
    ],
)
def test_mrcnn_bbox_loss_looks_at_the_deltas_of_the_own_class(class_ids: list, expected: float) -> None:
    of_classes = array((9, 9, 9, 9), (2, 2, 2, 2), (0.5, 0, 0, 0))
    deltas = np.tile(of_classes, (1, len(class_ids), 1, 1))
    targets = np.zeros((1, len(class_ids), 4), np.float32)
    assert float(losses.mrcnn_bbox_loss(ids(class_ids), targets, deltas)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("class_ids", "expected"),
    [
        ([1], -np.log(0.75)),
        ([3, 0, -1], -np.log(0.75)),  # only objects have masks
        ([0, -1], 0.0),
    ],
)
def test_mrcnn_mask_loss(class_ids: list, expected: float) -> None:
    truth = np.zeros((1, len(class_ids), 28, 28), np.float32)
    truth[..., :14] = 1
    answered = np.where(truth > 0, 0.75, 0.25).astype(np.float32)
    answered[:, 1:] = 0.0  # certain, and wrong
    assert float(losses.mrcnn_mask_loss(ids(class_ids), truth, answered)) == pytest.approx(expected, abs=1e-5)


def test_a_certain_and_wrong_mask_costs_much_but_not_infinity() -> None:
    truth, answered = np.ones((1, 1, 28, 28), np.float32), np.zeros((1, 1, 28, 28), np.float32)
    assert 10 < float(losses.mrcnn_mask_loss(ids([1]), truth, answered)) < 20


def test_pictures_of_a_batch_count_by_their_anchors() -> None:
    """As in Matterport: one mean over the batch, not a mean of means."""
    match, objectness = ids([1, 1, 1], [-1, 0, 0]), array([0, 0, 0], [np.log(3), 0, 0])
    expected = (3 * np.log(2) + np.log(4)) / 4
    assert float(losses.rpn_class_loss(match, objectness)) == pytest.approx(expected, abs=1e-5)
