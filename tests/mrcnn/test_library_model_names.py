"""The names and signatures of Matterport's `mrcnn.model`; each is called once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from discs import DiscsConfig, ToDetect

import mrcnn.model as modellib
from model.families.mask_rcnn import imagenet
from model.families.mask_rcnn.weight_files import WeightsError
from mrcnn.weights.imagenet import THE_LIBRARYS_FILE, imagenet_file

BLOCK = "input_tensor, kernel_size, filters, stage, block, "
HEAD = "rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True"
FUNCTIONS = {
    "apply_box_deltas_graph": "boxes, deltas",
    "batch_pack_graph": "x, counts, num_rows",
    "build_detection_targets": "rpn_rois, gt_class_ids, gt_boxes, gt_masks, config",
    "build_rpn_targets": "image_shape, anchors, gt_class_ids, gt_boxes, config",
    "clip_boxes_graph": "boxes, window",
    "compose_image_meta": "image_id, original_image_shape, image_shape, window, scale, active_class_ids",
    "compute_backbone_shapes": "config, image_shape",
    "conv_block": f"{BLOCK}strides=(2, 2), use_bias=True, train_bn=True",
    "data_generator": (
        "dataset, config, shuffle=True, augment=False, augmentation=None, random_rois=0, batch_size=1, "
        "detection_targets=False, no_augmentation_sources=None"
    ),
    "DataGenerator": (
        "dataset, config, shuffle=True, augmentation=None, random_rois=0, detection_targets=False"
    ),
    "denorm_boxes_graph": "boxes, shape",
    "generate_random_rois": "image_shape, count, gt_class_ids, gt_boxes",
    "identity_block": f"{BLOCK}use_bias=True, train_bn=True",
    "load_image_gt": "dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False",
    "log": "text, array=None",
    "log2_graph": "x",
    "mold_image": "images, config",
    "mrcnn_bbox_loss_graph": "target_bbox, target_class_ids, pred_bbox",
    "mrcnn_class_loss_graph": "target_class_ids, pred_class_logits, active_class_ids",
    "mrcnn_mask_loss_graph": "target_masks, target_class_ids, pred_masks",
    "norm_boxes_graph": "boxes, shape",
    "overlaps_graph": "boxes1, boxes2",
    "parse_image_meta": "meta",
    "parse_image_meta_graph": "meta",
    "resnet_graph": "input_image, architecture, stage5=False, train_bn=True",
    "rpn_bbox_loss_graph": "config, target_bbox, rpn_match, rpn_bbox",
    "rpn_class_loss_graph": "rpn_match, rpn_class_logits",
    "smooth_l1_loss": "y_true, y_pred",
    "trim_zeros_graph": "boxes, name='trim_zeros'",
    "unmold_image": "normalized_images, config",
}
METHODS = {
    "__init__": "self, mode, config, model_dir",
    "ancestor": "self, tensor, name, checked=None",
    "build": "self, mode, config",
    "compile": "self, learning_rate, momentum",
    "detect": "self, images, verbose=0",
    "detect_molded": "self, molded_images, image_metas, verbose=0",
    "find_last": "self",
    "find_trainable_layer": "self, layer",
    "get_anchors": "self, image_shape",
    "get_imagenet_weights": "self",
    "get_trainable_layers": "self",
    "load_weights": "self, filepath, by_name=False, exclude=None",
    "mold_inputs": "self, images",
    "run_graph": "self, images, outputs, image_metas=None",
    "set_log_dir": "self, model_path=None",
    "set_trainable": "self, layer_regex, keras_model=None, indent=0, verbose=1",
    "train": (
        "self, train_dataset, val_dataset, learning_rate, epochs, layers, augmentation=None, "
        "custom_callbacks=None, no_augmentation_sources=None"
    ),
    "unmold_detections": "self, detections, mrcnn_mask, original_image_shape, image_shape, window",
}
REPLACED = (
    *("DetectionLayer", "DetectionTargetLayer", "ProposalLayer", "PyramidROIAlign", "build_fpn_mask_graph"),
    *("build_rpn_model", "detection_targets_graph", "fpn_classifier_graph", "refine_detections_graph"),
    "rpn_graph",
)
BOXES = np.array([[0, 0, 4, 4], [2, 2, 6, 6], [0, 0, 0, 0]], np.float32)


def signature(function: Callable) -> str:
    parameters = inspect.signature(function).parameters.values()
    plain = [one.replace(annotation=inspect.Parameter.empty) for one in parameters]
    return ", ".join(map(str, plain))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_the_librarys_arguments(name: str) -> None:
    assert signature(getattr(modellib, name)) == FUNCTIONS[name]


@pytest.mark.parametrize("name", METHODS)
def test_methods_take_the_librarys_arguments(name: str) -> None:
    assert signature(getattr(modellib.MaskRCNN, name)) == METHODS[name]


def test_nothing_public_is_missing_from_these_lists() -> None:
    assert {*FUNCTIONS, *REPLACED, "BatchNorm", "MaskRCNN"} == set(modellib.__all__)
    public = {name for name in vars(modellib.MaskRCNN) if not name.startswith("_")}
    assert public == {*METHODS, "anchors"} - {"__init__"}


@pytest.mark.parametrize("name", REPLACED)
def test_layers_that_are_no_layers_here_say_what_does_their_work(name: str) -> None:
    with pytest.raises(
        NotImplementedError, match=rf"{name} .*model\.families\.mask_rcnn\.(?P<where>\w+)\.(\w+)"
    ):
        getattr(modellib, name)("anything", config=None)


def test_boxes_as_tensors() -> None:
    shape = np.array([101, 201], np.float32)
    normalized = modellib.norm_boxes_graph(BOXES[:2], shape)
    np.testing.assert_allclose(normalized[1], [0.02, 0.01, 0.05, 0.025], rtol=1e-6)
    np.testing.assert_array_equal(modellib.denorm_boxes_graph(normalized, shape), BOXES[:2])
    moved = modellib.apply_box_deltas_graph(BOXES[:1], np.array([[0.5, 0, np.log(2), 0]], np.float32))
    np.testing.assert_allclose(moved, [[0, 0, 8, 4]], atol=1e-5)
    np.testing.assert_array_equal(modellib.clip_boxes_graph(BOXES[1:2], [0, 0, 5, 3]), [[2, 2, 5, 3]])
    np.testing.assert_allclose(modellib.overlaps_graph(BOXES[:1], BOXES[:2]), [[1, 4 / 28]], rtol=1e-6)
    rows, there = modellib.trim_zeros_graph(keras.ops.convert_to_tensor(BOXES))
    assert len(rows) == 2
    assert np.array(there).tolist() == [True, True, False]
    packed = modellib.batch_pack_graph(np.arange(6).reshape(2, 3), [1, 2], 2)
    assert np.array(packed).tolist() == [0, 3, 4]
    assert float(modellib.log2_graph(np.float32(8))) == 3
    assert np.array(
        modellib.smooth_l1_loss(np.zeros(2, np.float32), np.array([0.5, 3], np.float32))
    ).tolist() == [
        0.125,
        2.5,
    ]


@pytest.mark.parametrize(("architecture", "last_block"), [("resnet50", "f"), ("resnet101", "w")])
def test_resnets_have_the_librarys_layers(architecture: str, last_block: str) -> None:
    picture = keras.Input((None, None, 3))
    stages = modellib.resnet_graph(picture, architecture, stage5=True, train_bn=False)
    assert [stage.shape[-1] for stage in stages] == [64, 256, 512, 1024, 2048]
    names = {layer.name for layer in keras.Model(picture, stages).layers}
    assert {"conv1", "bn_conv1", "res2a_branch1", f"res4{last_block}_out", "bn5c_branch2c"} <= names
    assert modellib.resnet_graph(picture, "resnet50")[4] is None


def test_frozen_batch_norm_is_linear() -> None:
    norm = modellib.BatchNorm(name="bn")
    picture = np.random.default_rng(0).standard_normal((2, 4, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(norm(picture, training=False), picture / np.sqrt(1 + norm.epsilon), rtol=1e-5)


def test_log_prints_shape_range_and_type(capsys: pytest.CaptureFixture[str]) -> None:
    modellib.log("image", np.array([[1.5, -2.0]]))
    modellib.log("nothing", np.zeros((0, 4)))
    modellib.log("words")
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.split() == ["image", "shape:", "(1,", "2)", "min:", "-2.00000", "max:", "1.50000", "float64"]
    assert second.split()[:2] == ["nothing", "shape:"]
    assert third == "words"


def test_layers_are_chosen_and_printed(
    capsys: pytest.CaptureFixture[str], detector: modellib.MaskRCNN
) -> None:
    detector.set_trainable(r"mrcnn\_mask.*")
    printed = capsys.readouterr().out
    learning = {layer.name for layer in detector.get_trainable_layers() if layer.trainable}
    assert learning
    assert all(name.startswith("mrcnn_mask") and name in printed for name in learning)


def test_imagenet_weights_are_a_file_with_the_librarys_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    published = {"conv1": {"kernel": np.ones((7, 7, 3, 64)), "bias": np.ones(64)}}
    monkeypatch.setattr(imagenet, "published_weights", lambda backbone: published)
    monkeypatch.setattr(Path, "home", lambda: tmp_path)

    class ResNet(ToDetect):
        BACKBONE = "resnet50"
        NAME = "imagenet"

    model = modellib.MaskRCNN("inference", ResNet(), tmp_path)
    path = model.get_imagenet_weights()
    assert path.endswith("mask_rcnn_resnet50_imagenet.h5")
    with pytest.warns(UserWarning, match="fills 1 of"):
        model.load_weights(path, by_name=True)
    assert (np.array(model.keras_model.get_layer("conv1").kernel) == 1).all()

    left_by_the_library = tmp_path / ".keras" / "models" / THE_LIBRARYS_FILE
    model.keras_model.save_weights(left_by_the_library)
    assert imagenet_file(ResNet()) == left_by_the_library


def test_no_imagenet_weights_for_a_backbone_of_ones_own(tmp_path: Path) -> None:
    class Own(DiscsConfig):
        BACKBONE = staticmethod(lambda picture, stage5, train_bn: [])

    with pytest.raises(WeightsError, match="load your own"):
        imagenet_file(Own(), tmp_path)


def test_no_imagenet_weights_for_the_small_backbone(tmp_path: Path) -> None:
    class Small(DiscsConfig):
        BACKBONE = "resnet_small"

    with pytest.raises(WeightsError, match="BACKBONE 'resnet_small', only for resnet50 and resnet101"):
        imagenet_file(Small(), tmp_path)
