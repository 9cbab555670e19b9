"""Boxes and anchors of `mrcnn.utils`, worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from model.families.mask_rcnn.anchors import pyramid_anchors
from model.mrcnn import Config
from mrcnn import utils

BOXES = np.array([[0, 0, 10, 10], [0, 0, 10, 8], [20, 20, 30, 40]])


def test_boxes_enclose_masks_and_are_zero_for_empty_ones() -> None:
    masks = np.zeros((6, 8, 3), np.uint8)
    masks[2:5, 1:4, 0] = 1
    masks[5, 7, 2] = 1
    boxes = utils.extract_bboxes(masks)
    assert boxes.tolist() == [[2, 1, 5, 4], [0, 0, 0, 0], [5, 7, 6, 8]]
    assert boxes.dtype == np.int32
    assert utils.extract_bboxes(masks[..., :0]).shape == (0, 4)


def test_overlaps_are_intersection_over_union() -> None:
    overlaps = utils.compute_overlaps(BOXES, BOXES[:2])
    assert overlaps == pytest.approx(np.array([[1, 0.8], [0.8, 1], [0, 0]]))
    areas = np.array([100, 80, 200])
    assert utils.compute_iou(BOXES[0], BOXES, 100, areas) == pytest.approx(np.array([1, 0.8, 0]))


def test_suppression_keeps_the_best_of_those_that_overlap() -> None:
    scores = np.array([0.6, 0.9, 0.3])
    assert utils.non_max_suppression(BOXES, scores, 0.7).tolist() == [1, 2]
    assert utils.non_max_suppression(BOXES, scores, 0.85).tolist() == [1, 0, 2]
    assert utils.non_max_suppression(BOXES[:0], scores[:0], 0.7).tolist() == []


def test_deltas_lead_from_a_box_to_its_target() -> None:
    boxes, targets = BOXES.astype(np.float32), BOXES[::-1].astype(np.float32)
    deltas = utils.box_refinement(boxes, targets)
    assert deltas[1] == pytest.approx(np.zeros(4))
    assert deltas[0] == pytest.approx(np.array([2, 2.5, 0, np.log(2)]))
    assert utils.apply_box_deltas(boxes, deltas) == pytest.approx(targets, abs=1e-5)


def test_normalised_boxes_count_their_last_pixel_as_inside() -> None:
    boxes = np.array([[0, 0, 101, 51], [10, 5, 11, 6]])
    normalised = utils.norm_boxes(boxes, (101, 51))
    assert normalised == pytest.approx(np.array([[0, 0, 1, 1], [0.1, 0.1, 0.1, 0.1]]))
    assert utils.denorm_boxes(normalised, (101, 51)).tolist() == boxes.tolist()


def test_anchors_are_ordered_by_row_column_ratio_and_scale() -> None:
    anchors = utils.generate_anchors([8, 16], [1, 4], shape=[2, 4], feature_stride=10, anchor_stride=2)
    assert anchors[:4].tolist() == [[-4, -4, 4, 4], [-8, -8, 8, 8], [-2, -8, 2, 8], [-4, -16, 4, 16]]
    assert anchors[4].tolist() == [-4, 16, 4, 24]
    assert anchors.shape == (8, 4)


def test_the_anchors_of_a_pyramid_are_those_of_the_network() -> None:
    config = Config()
    shapes = np.array([[-(-128 // stride), -(-192 // stride)] for stride in config.backbone_strides])
    anchors = utils.generate_pyramid_anchors(
        config.rpn_anchor_scales, config.rpn_anchor_ratios, shapes, config.backbone_strides, 1
    )
    normalised = utils.norm_boxes(anchors, (128, 192))
    assert normalised == pytest.approx(pyramid_anchors(config, 128, 192), abs=1e-6)
