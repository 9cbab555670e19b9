"""What the library's inspection notebooks look at is there under its names."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import mrcnn.model as modellib
from mrcnn import utils


def test_values_that_the_notebooks_ask_for(detector: modellib.MaskRCNN, image: np.ndarray) -> None:
    pillar = detector.keras_model.get_layer("ROI").output
    nms = detector.ancestor(pillar, "ROI/rpn_non_max_suppression/NonMaxSuppressionV3:0")
    of = detector.keras_model.get_layer
    values = detector.run_graph(
        [image],
        [
            ("input_image", tf.identity(of("input_image").output)),
            ("rpn_class", of("rpn_class").output),
            ("pre_nms_anchors", detector.ancestor(pillar, "ROI/pre_nms_anchors:0")),
            ("refined_anchors", detector.ancestor(pillar, "ROI/refined_anchors:0")),
            ("refined_anchors_clipped", detector.ancestor(pillar, "ROI/refined_anchors_clipped:0")),
            ("post_nms_anchor_ix", nms),
            ("proposals", pillar),
            ("logits", of("rpn_class_logits").output),
            ("activations", of("res4a_out").output),
            ("class_logits", of("mrcnn_class_logits").output),
            ("masks", of("mrcnn_mask").output),
            ("hidden", of("mrcnn_mask_conv1").output),
        ],
    )
    config = detector.config
    cells = 16**2 + 8**2 + 4**2 + 2**2 + 1
    assert values["input_image"].shape == (1, 64, 64, 3)
    assert values["rpn_class"].shape == values["logits"].shape == (1, 3 * cells, 2)
    np.testing.assert_allclose(values["rpn_class"].sum(axis=-1), 1, rtol=1e-5)
    assert values["pre_nms_anchors"].shape == values["refined_anchors"].shape == (1, config.PRE_NMS_LIMIT, 4)
    kept = values["refined_anchors_clipped"][0, values["post_nms_anchor_ix"]]
    np.testing.assert_array_equal(values["proposals"][0, : len(kept)], kept)
    assert values["proposals"].shape == (1, config.POST_NMS_ROIS_INFERENCE, 4)
    assert values["activations"].shape == (1, 4, 4, 128)
    assert values["class_logits"].shape == (1, config.POST_NMS_ROIS_INFERENCE, 3)
    assert values["masks"].shape == (1, config.DETECTION_MAX_INSTANCES, 28, 28, 3)
    assert values["hidden"].shape == (1, config.DETECTION_MAX_INSTANCES, 14, 14, 8)


def test_predict_answers_what_detect_is_made_of(detector: modellib.MaskRCNN, image: np.ndarray) -> None:
    molded, metas, windows = detector.mold_inputs([image])
    anchors = detector.get_anchors(molded.shape[1:])[None]
    detections, probabilities, deltas, masks, rois, rpn_class, rpn_bbox = detector.keras_model.predict(
        [molded, metas, anchors], verbose=0
    )
    assert probabilities.shape[:2] == deltas.shape[:2] == rois.shape[:2]
    assert rpn_class.shape[1] == rpn_bbox.shape[1] == anchors.shape[1]
    boxes, class_ids, scores, full_masks = detector.unmold_detections(
        detections[0], masks[0], image.shape, molded[0].shape, windows[0]
    )
    found = detector.detect([image])[0]
    assert len(boxes) > 0
    np.testing.assert_array_equal(boxes, found["rois"])
    np.testing.assert_array_equal(class_ids, found["class_ids"])
    np.testing.assert_allclose(scores, found["scores"], atol=1e-5)
    assert (full_masks != found["masks"]).mean() < 1e-3


def test_anchors_in_pixels_are_those_of_the_last_picture(detector: modellib.MaskRCNN) -> None:
    normalized = detector.get_anchors((64, 128, 3))
    np.testing.assert_allclose(utils.norm_boxes(detector.anchors, (64, 128)), normalized, atol=1e-6)


def test_layers_have_the_librarys_names_and_their_weights(detector: modellib.MaskRCNN) -> None:
    names = [layer.name for layer in detector.get_trainable_layers()]
    assert {"conv1", "bn_conv1", "fpn_c5p5", "rpn_class_raw", "mrcnn_bbox_fc", "mrcnn_mask"} <= set(names)
    assert len(names) == len(set(names))
    layer = detector.keras_model.get_layer("fpn_p2")
    assert detector.find_trainable_layer(layer) is layer
    assert [array.shape for array in layer.get_weights()] == [(3, 3, 16, 16), (16,)]
    assert detector.keras_model.get_layer("mrcnn_detection").get_weights() == []
    assert detector.keras_model.get_layer(index=0).name == "picture"
    with pytest.raises(ValueError, match="no layer 'fpn_p9'"):
        detector.keras_model.get_layer("fpn_p9")
    with pytest.raises(ValueError, match="rpn_conv_shared"):
        detector.keras_model.get_layer("rpn_model")


def test_summary_lists_the_layers(detector: modellib.MaskRCNN) -> None:
    lines: list[str] = []
    detector.keras_model.summary(print_fn=lines.append)
    assert "mrcnn_mask_deconv" in "\n".join(lines)


def test_an_unknown_node_is_none_which_run_graph_refuses(
    detector: modellib.MaskRCNN, image: np.ndarray
) -> None:
    node = detector.ancestor(detector.keras_model.get_layer("ROI").output, "ROI/no_such_node:0")
    assert node is None
    with pytest.raises(ValueError, match="nothing: None is not an output"):
        detector.run_graph([image], [("nothing", node)])


def test_molded_pictures_are_inspected_with_their_meta(
    detector: modellib.MaskRCNN, image: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    molded, metas, _ = detector.mold_inputs([image])
    values = detector.run_graph(molded, [("image", detector.keras_model.inputs[0])], image_metas=metas)
    np.testing.assert_array_equal(values["image"], molded)
    assert "shape: (1, 64, 64, 3)" in capsys.readouterr().out
