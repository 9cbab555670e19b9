"""Detections: each RoI's class and box, less background, weak scores and duplicates."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pytest

from model.families.mask_rcnn.detections import Detections, refine
from model.mrcnn import Config

WINDOW = np.array([0, 0, 1, 0.75], np.float32)  # the right quarter is padding
ROIS = np.array(
    [
        (0.1, 0.1, 0.3, 0.3),  # 0: class 1, 0.9
        (0.1, 0.11, 0.3, 0.31),  # 1: class 1, 0.8: a duplicate of 0
        (0.1, 0.1, 0.3, 0.3),  # 2: class 2, 0.7: where 0 is, but another thing
        (0.5, 0.5, 0.9, 0.9),  # 3: class 2, 0.6: reaches into the padding
        (0.6, 0.1, 0.9, 0.3),  # 4: background
    ],
    np.float32,
)
CLASSES = [1, 1, 2, 2, 0]
SCORES = [0.9, 0.8, 0.7, 0.6, 0.95]


def logits_of(classes: list[int], scores: list[float], count: int = 3) -> np.ndarray:
    probabilities = np.array([np.full(count, (1 - score) / (count - 1)) for score in scores])
    probabilities[np.arange(len(classes)), classes] = scores
    return np.log(probabilities).astype(np.float32) + 3  # logits have no fixed zero


def refined(class_ids: Collection[int] | None = None, **settings: float) -> Detections:
    config = Config(**{"num_classes": 3, "detection_min_confidence": 0.0, **settings})  # type: ignore[arg-type]
    deltas = np.zeros((len(ROIS), 3, 4), np.float32)
    return refine(ROIS, logits_of(CLASSES, SCORES), deltas, WINDOW, config, class_ids)


def test_duplicates_go_class_by_class_and_the_best_come_first() -> None:
    found = refined()
    assert found.class_ids.tolist() == [1, 2, 2]
    assert found.class_ids.dtype == np.int32
    np.testing.assert_allclose(found.scores, [0.9, 0.7, 0.6], rtol=1e-5)
    np.testing.assert_allclose(found.boxes, [ROIS[0], ROIS[2], (0.5, 0.5, 0.9, 0.75)], rtol=1e-6)


@pytest.mark.parametrize(
    ("class_ids", "settings", "scores"),
    [
        (None, {"detection_min_confidence": 0.65}, [0.9, 0.7]),
        (None, {"detection_min_confidence": 0.99}, []),
        (None, {"detection_max_instances": 2}, [0.9, 0.7]),
        (None, {"detection_nms_threshold": 1.0}, [0.9, 0.8, 0.7, 0.6]),
        ([1], {}, [0.9]),
        ({2}, {"detection_max_instances": 1}, [0.7]),  # the most of those wanted
        ([], {}, []),
        ([0, 1], {}, [0.9]),  # background is never an object, even asked for
    ],
)
def test_only_what_is_wanted_is_kept(class_ids, settings: dict, scores: list[float]) -> None:
    np.testing.assert_allclose(refined(class_ids, **settings).scores, scores, rtol=1e-5)


def test_a_box_moves_by_its_own_classes_deltas_in_standard_deviations() -> None:
    config = Config(num_classes=3, detection_min_confidence=0.0)
    deltas = np.full((1, 3, 4), 9, np.float32)
    deltas[0, 2] = (5, 0, 0, 0)  # 5 · 0.1 of its height down
    found = refine(ROIS[:1], logits_of([2], [0.9]), deltas, WINDOW, config)
    np.testing.assert_allclose(found.boxes, [(0.2, 0.1, 0.4, 0.3)], atol=1e-6)


def test_no_rois_give_no_detections() -> None:
    found = refine(
        np.zeros((0, 4), np.float32),
        np.zeros((0, 3), np.float32),
        np.zeros((0, 3, 4), np.float32),
        WINDOW,
        Config(num_classes=3),
    )
    assert len(found) == 0
    assert found.boxes.shape == (0, 4)
    assert found.class_ids.shape == found.scores.shape == (0,)


def test_huge_logits_do_not_overflow() -> None:
    found = refine(
        ROIS[:1], np.array([[0, 1e4, -1e4]], np.float32), np.zeros((1, 3, 4), np.float32), WINDOW, Config()
    )
    assert found.scores.tolist() == [1.0]
