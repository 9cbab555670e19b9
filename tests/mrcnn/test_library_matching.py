"""Matches and average precision of `mrcnn.utils`, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from mrcnn import utils

MASKS = np.zeros((20, 40, 3), bool)
MASKS[0:10, 0:10, 0] = MASKS[0:10, 15:25, 1] = MASKS[10:20, 30:40, 2] = True
BOXES = utils.extract_bboxes(MASKS)
TRUE_IDS = np.array([1, 2, 1])
TRUTH = (np.concatenate([BOXES, np.zeros((2, 4), np.int32)]), TRUE_IDS, MASKS)  # with padding

FOUND = np.zeros((20, 40, 4), bool)
FOUND[0:10, 0:8, 0] = True  # IoU 0.8 with the first
FOUND[0:10, 15:25, 1] = True  # the second, as another class
FOUND[0:10, 0:10, 2] = True  # the first again, better, but with a lower score
FOUND[10:20, 30:36, 3] = True  # IoU 0.6 with the third
SCORES = np.array([0.9, 0.8, 0.6, 0.7])
PREDICTION = (utils.extract_bboxes(FOUND), np.array([1, 1, 1, 1]), SCORES, FOUND)


def test_masks_overlap_by_their_pixels() -> None:
    overlaps = utils.compute_overlaps_masks(FOUND, MASKS)
    assert overlaps == pytest.approx(np.array([[0.8, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 0.6]]))
    assert utils.compute_overlaps_masks(FOUND, MASKS[..., :0]).shape == (4, 0)
    empty = np.zeros((20, 40, 1))
    assert utils.compute_overlaps_masks(empty, empty).tolist() == [[0]]


def test_each_object_is_matched_once_by_the_best_score_of_its_class() -> None:
    true_match, found_match, overlaps = utils.compute_matches(*TRUTH, *PREDICTION)
    assert true_match.tolist() == [0, -1, 2]
    assert found_match.tolist() == [0, -1, 2, -1]  # by score: the fourth detection is third
    assert overlaps[:, 0] == pytest.approx(np.array([0.8, 0, 0, 1]))


def test_a_stricter_threshold_leaves_objects_to_others() -> None:
    true_match, *_ = utils.compute_matches(*TRUTH, *PREDICTION, iou_threshold=0.9)
    assert true_match.tolist() == [3, -1, -1]
    unseen, *_ = utils.compute_matches(*TRUTH, *PREDICTION, score_threshold=0.7)
    assert unseen.tolist() == [0, -1, -1]


def test_average_precision_is_the_area_below_the_curve() -> None:
    average, precisions, recalls, overlaps = utils.compute_ap(*TRUTH, *PREDICTION)
    assert recalls == pytest.approx(np.array([0, 1, 1, 2, 2, 3]) / 3)
    assert precisions == pytest.approx(np.array([1, 1, 2 / 3, 2 / 3, 1 / 2, 0]))
    assert average == pytest.approx(1 / 3 + 1 / 3 * 2 / 3)
    assert overlaps.shape == (4, 3)


def test_nothing_found_is_zero_and_all_found_is_one() -> None:
    nothing = tuple(part[..., :0] if part.ndim == 3 else part[:0] for part in PREDICTION)
    assert utils.compute_ap(*TRUTH, *nothing)[0] == 0
    assert utils.compute_ap(*TRUTH, BOXES, TRUE_IDS, np.array([0.5, 0.9, 0.7]), MASKS)[0] == 1


def test_a_range_of_thresholds_is_averaged_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    averages = [utils.compute_ap(*TRUTH, *PREDICTION, iou_threshold=one)[0] for one in (0.5, 0.7)]
    mean = utils.compute_ap_range(*TRUTH, *PREDICTION, iou_thresholds=[0.5, 0.7])
    assert mean == pytest.approx(np.mean(averages))
    assert capsys.readouterr().out == (
        f"AP @0.50:\t {averages[0]:.3f}\nAP @0.70:\t {averages[1]:.3f}\nAP @0.50-0.70:\t {mean:.3f}\n"
    )
    assert 0 < utils.compute_ap_range(*TRUTH, *PREDICTION, verbose=0) < mean
    assert capsys.readouterr().out == ""


def test_recall_counts_each_object_once() -> None:
    recall, found = utils.compute_recall(PREDICTION[0], BOXES, iou=0.7)
    assert recall == pytest.approx(2 / 3)
    assert found.tolist() == [0, 1, 2]


def test_rows_of_padding_are_trimmed() -> None:
    assert utils.trim_zeros(TRUTH[0]).tolist() == BOXES.tolist()
    with pytest.raises(ValueError, match=r"\(3,\)"):
        utils.trim_zeros(np.zeros(3))
