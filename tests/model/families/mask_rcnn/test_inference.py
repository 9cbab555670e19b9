"""One picture through the three stages: boxes and masks come out in the image's own pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from drawn_data import TINY

from model.families.mask_rcnn.anchors import pyramid_anchors
from model.families.mask_rcnn.boxes import deltas_between, normalize
from model.families.mask_rcnn.inference import find_segments, infer
from model.families.mask_rcnn.molding import mold
from model.mrcnn import Config, MaskRCNN
from model.stopwatch import Stopwatch

IMAGE = np.random.default_rng(0).integers(0, 255, (100, 120, 3), np.uint8)  # molded to 128 x 128
CONFIG = dataclasses.replace(TINY, num_classes=3, detection_min_confidence=0.5)


class KnowingStages:
    """Stages that find given boxes (y1 x1 y2 x2 in image pixels) with full masks of the left half."""

    few_shapes = False

    def __init__(self, boxes: Sequence[tuple], class_ids: Sequence[int], scores: Sequence[float]) -> None:
        self.molded = mold(IMAGE, CONFIG)
        window, shape = self.molded.normalized_window, self.molded.fit.size[::-1]
        in_image = normalize(np.array(boxes, np.float32).reshape(-1, 4), *shape)
        self.boxes = in_image * np.tile(window[2:] - window[:2], 2) + np.tile(window[:2], 2)
        self.class_ids, self.scores = class_ids, scores
        self.masked: list[int] = []
        self.without_mask: int | None = None

    def trunk(self, picture: np.ndarray) -> tuple[list[Any], np.ndarray, np.ndarray]:
        anchors = pyramid_anchors(CONFIG, *picture.shape[1:3])
        objectness = np.full(len(anchors), -10, np.float32)
        deltas = np.zeros((len(anchors), 4), np.float32)
        slots = np.arange(len(self.boxes))
        objectness[slots] = 10 - slots
        std_dev = np.array(CONFIG.rpn_bbox_std_dev, np.float32)
        deltas[slots] = deltas_between(anchors[slots], self.boxes.astype(np.float32)) / std_dev
        return ["features"], objectness[None], deltas[None]

    def box_head(self, features: Sequence[Any], rois: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        probabilities = np.full((1, rois.shape[1], CONFIG.num_classes), 1e-6)
        probabilities[..., 0] = 1.0  # all that the RPN proposes besides is background
        for roi, (class_id, score) in enumerate(zip(self.class_ids, self.scores, strict=True)):
            probabilities[0, roi] = (1 - score) / 2
            probabilities[0, roi, class_id] = score
        return np.log(probabilities).astype(np.float32), np.zeros((1, rois.shape[1], 3, 4), np.float32)

    def mask_head(self, features: Sequence[Any], rois: np.ndarray, class_ids: np.ndarray) -> np.ndarray:
        self.masked.append(rois.shape[1])
        assert class_ids.shape == rois.shape[:2]
        masks = np.zeros((1, rois.shape[1], 28, 28), np.float32)
        masks[..., :14] = 1
        if self.without_mask is not None:
            masks[:, self.without_mask] = 0
        return masks


def stages() -> KnowingStages:
    return KnowingStages([(10, 20, 50, 60), (60, 70, 100, 120), (5, 80, 35, 110)], [1, 2, 1], [0.9, 0.8, 0.4])


def test_segments_are_in_image_pixels() -> None:
    segments = find_segments(stages(), IMAGE, CONFIG).segments
    assert segments.size == (120, 100)
    assert segments.boxes.tolist() == [[20, 10, 60, 50], [70, 60, 120, 100]]  # x1 y1 x2 y2
    assert segments.class_ids.tolist() == [1, 2]
    np.testing.assert_allclose(segments.scores, [0.9, 0.8], rtol=1e-4)
    assert [mask.shape for mask in segments.masks] == [(40, 40), (40, 50)]
    assert segments.masks[0][:, :20].all()
    assert not segments.masks[0][:, 20:].any()


def test_the_mask_head_runs_for_the_wanted_alone() -> None:
    knowing = stages()
    assert find_segments(knowing, IMAGE, CONFIG, class_ids=[2]).segments.class_ids.tolist() == [2]
    assert knowing.masked == [1]


def test_the_most_instances_and_the_least_confidence_are_the_configs() -> None:
    lenient = dataclasses.replace(CONFIG, detection_min_confidence=0.1)
    assert len(find_segments(stages(), IMAGE, lenient).segments) == 3
    knowing = stages()
    best = find_segments(knowing, IMAGE, dataclasses.replace(lenient, detection_max_instances=1))
    assert (len(best.segments), best.left_out, best.found) == (1, 2, 3)
    assert knowing.masked == [1], "those left out cost the mask head nothing"


def test_nothing_found_is_empty_and_costs_no_mask_head() -> None:
    knowing = stages()
    segments = find_segments(
        knowing, IMAGE, dataclasses.replace(CONFIG, detection_min_confidence=1.0)
    ).segments
    assert segments.boxes.shape == (0, 4)
    assert segments.class_ids.shape == segments.scores.shape == (0,)
    assert segments.masks == []
    assert knowing.masked == []


def test_an_object_without_a_pixel_is_dropped() -> None:
    knowing = stages()
    knowing.without_mask = 0
    segments = find_segments(knowing, IMAGE, CONFIG).segments
    assert segments.boxes.tolist() == [[70, 60, 120, 100]]
    assert segments.class_ids.tolist() == [2]
    assert len(segments.masks) == 1


def test_the_stopwatch_tells_the_network_from_the_masks() -> None:
    stopwatch = Stopwatch()
    find_segments(stages(), IMAGE, CONFIG, stopwatch=stopwatch)
    assert stopwatch.milliseconds.keys() == {"infer", "masks"}


@pytest.mark.parametrize(
    "settings",
    [
        {"detection_min_confidence": 1.0},  # no detection reaches the mask head
        {"rpn_nms_threshold": 0.0, "post_nms_rois_inference": 1},  # a single RoI
    ],
)
def test_a_real_network_finds_nothing_without_a_crash(network: MaskRCNN, settings: dict[str, float]) -> None:
    config = dataclasses.replace(TINY, **settings)  # type: ignore[arg-type]
    detections, masks = infer(network, mold(IMAGE, config), config)
    assert masks.shape == (len(detections), 28, 28)
    assert len(detections) <= 1


def test_detect_answers_as_matterports_does(network: MaskRCNN) -> None:
    wide = np.random.default_rng(1).integers(0, 255, (50, 190, 3), np.uint8)
    for image, answer in zip((IMAGE, wide), network.detect([IMAGE, wide]), strict=True):
        count = len(answer["rois"])
        assert 0 < count <= TINY.detection_max_instances
        assert answer["rois"].dtype == answer["class_ids"].dtype == np.int32
        assert answer["scores"].dtype == np.float32
        assert (np.diff(answer["scores"]) <= 0).all()
        assert answer["masks"].shape == (*image.shape[:2], count)
        assert answer["masks"].dtype == bool
        y1, x1, y2, x2 = answer["rois"].T
        assert (y1 >= 0).all() and (y1 < y2).all() and (y2 <= image.shape[0]).all()
        assert (x1 >= 0).all() and (x1 < x2).all() and (x2 <= image.shape[1]).all()


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), np.uint8),  # grey
        np.zeros((64, 64, 4), np.uint8),  # with alpha
        np.zeros((64, 64, 3), np.float32),  # 0…1 as matplotlib reads PNG
        np.zeros((0, 64, 3), np.uint8),
    ],
)
def test_detect_refuses_what_is_no_rgb_picture(network: MaskRCNN, image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="an image"):
        network.detect([image])


def test_detect_and_find_segments_agree(network: MaskRCNN) -> None:
    answer, segments = network.detect([IMAGE])[0], find_segments(network, IMAGE, TINY).segments
    with_pixels = answer["masks"].any(axis=(0, 1))
    np.testing.assert_array_equal(answer["rois"][with_pixels][:, [1, 0, 3, 2]], segments.boxes)
    np.testing.assert_allclose(answer["scores"][with_pixels], segments.scores)


def test_a_config_can_be_had_without_keras() -> None:
    import model.mrcnn

    assert model.mrcnn.Config is Config
    with pytest.raises(AttributeError, match="FasterRCNN"):
        _ = model.mrcnn.FasterRCNN
