"""Config has Matterport's names and defaults and refuses what cannot be built."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from model.families.mask_rcnn.anchors import pyramid_anchors
from model.mrcnn import Config

MATTERPORT = {  # mrcnn/config.py, release 2.1
    "BACKBONE": "resnet101",
    "BACKBONE_STRIDES": (4, 8, 16, 32, 64),
    "FPN_CLASSIF_FC_LAYERS_SIZE": 1024,
    "TOP_DOWN_PYRAMID_SIZE": 256,
    "NUM_CLASSES": 1,
    "RPN_ANCHOR_SCALES": (32, 64, 128, 256, 512),
    "RPN_ANCHOR_RATIOS": (0.5, 1, 2),
    "RPN_ANCHOR_STRIDE": 1,
    "RPN_NMS_THRESHOLD": 0.7,
    "RPN_TRAIN_ANCHORS_PER_IMAGE": 256,
    "PRE_NMS_LIMIT": 6000,
    "POST_NMS_ROIS_TRAINING": 2000,
    "POST_NMS_ROIS_INFERENCE": 1000,
    "MINI_MASK_SHAPE": (56, 56),
    "IMAGE_RESIZE_MODE": "square",
    "IMAGE_MIN_DIM": 800,
    "IMAGE_MAX_DIM": 1024,
    "IMAGE_MIN_SCALE": 0,
    "MEAN_PIXEL": (123.7, 116.8, 103.9),
    "TRAIN_ROIS_PER_IMAGE": 200,
    "ROI_POSITIVE_RATIO": 0.33,
    "POOL_SIZE": 7,
    "MASK_POOL_SIZE": 14,
    "MASK_SHAPE": (28, 28),
    "MAX_GT_INSTANCES": 100,
    "RPN_BBOX_STD_DEV": (0.1, 0.1, 0.2, 0.2),
    "BBOX_STD_DEV": (0.1, 0.1, 0.2, 0.2),
    "DETECTION_MAX_INSTANCES": 100,
    "DETECTION_MIN_CONFIDENCE": 0.7,
    "DETECTION_NMS_THRESHOLD": 0.3,
    "LEARNING_RATE": 0.001,
    "LEARNING_MOMENTUM": 0.9,
    "WEIGHT_DECAY": 0.0001,
    "LOSS_WEIGHTS": dict.fromkeys(
        ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"), 1.0
    ),
    "TRAIN_BN": False,
    "GRADIENT_CLIP_NORM": 5.0,
}


@pytest.mark.parametrize(("name", "value"), MATTERPORT.items())
def test_the_default_is_matterports(name: str, value: Any) -> None:
    assert getattr(Config(), name.lower()) == value


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"backbone": "vgg"}, "resnet50, resnet101, resnet_small"),
        ({"image_resize_mode": "fit"}, "square, pad64, crop, none, fit64"),
        ({"image_normalization": "zscore"}, "mean_pixel, contrast"),
        ({"backbone_strides": (4, 8, 16)}, r"\(4, 8, 16, 32, 64\)"),
        ({"rpn_anchor_scales": (32, 64)}, "give 5, one for each level"),
        ({"rpn_anchor_stride": 2}, "only 1"),
        ({"rpn_anchor_ratios": ()}, "at least one"),
        ({"image_min_dim": 900, "image_max_dim": 512}, "swap"),
        ({"image_max_dim": 1000}, "such as 1024"),  # square: the largest side becomes the picture's
        ({"image_resize_mode": "crop", "image_min_dim": 100}, "such as 128"),  # crop: the smallest
        ({"image_min_dim": 10, "image_max_dim": 40}, "such as 64"),  # below the coarsest stride
        ({"image_max_scale": 0.5}, "below 1.0.*give 0 for no limit"),
        ({"image_max_scale": 2, "closer_scale": 2.25}, "below 2.25"),
        ({"num_classes": 0}, "at least 1"),
        ({"pre_nms_limit": 0}, "at least 1"),
        ({"detection_max_instances": -3}, "at least 1"),
        ({"rpn_anchor_scales": (32, 64, 128, 256, -512)}, "above 0"),
        ({"bbox_std_dev": (0.1, 0.1, 0.0, 0.2)}, "above 0"),
        ({"learning_rate": float("nan")}, "above 0"),
        ({"weight_decay": -0.1}, "0 or more"),
        ({"loss_weights": {"mask_loss": 1.0}}, "mrcnn_mask_loss"),
        ({"roi_positive_ratio": 1.2}, "0…1"),
        ({"mask_shape": (56, 56)}, r"\(28, 28\)"),
        ({"mask_pool_size": 7}, r"\(14, 14\)"),
        ({"rpn_nms_threshold": 1.5}, "0…1"),
        ({"detection_nms_threshold": -0.1}, "0…1"),
        ({"detection_min_confidence": 70}, "0…1"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_and_says_what_would(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Config(**values)


def test_lists_and_arrays_as_in_matterports_configs_become_tuples() -> None:
    config = Config(
        rpn_anchor_scales=[8, 16, 32, 64, 128],  # type: ignore[arg-type]
        mask_shape=[28, 28],  # type: ignore[arg-type]
        mean_pixel=np.array([123.7, 116.8, 103.9]),  # type: ignore[arg-type]
        rpn_bbox_std_dev=np.array([0.1, 0.1, 0.2, 0.2]),  # type: ignore[arg-type]
    )
    assert config == Config(rpn_anchor_scales=(8, 16, 32, 64, 128))
    assert len(pyramid_anchors(config, 64, 64))
    assert Config.from_json(json.loads(json.dumps(config.to_json()))) == config


@pytest.mark.parametrize("mode", ["fit64", "pad64", "none"])
def test_a_mode_that_pads_to_64_takes_any_dimensions(mode: str) -> None:
    Config(image_resize_mode=mode, image_min_dim=100, image_max_dim=1000)


@pytest.mark.parametrize(
    "config",
    [
        Config(),
        Config(backbone="resnet50", num_classes=81, rpn_anchor_ratios=(1.0,), mean_pixel=(0.0, 1.0, 2.0)),
        Config(loss_weights={**Config().loss_weights, "mrcnn_mask_loss": 2.0}),
    ],
)
def test_a_config_survives_json(config: Config) -> None:
    assert Config.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="IMAGE_MIN_DIM, gpu_count"):
        Config.from_json({"gpu_count": 1, "IMAGE_MIN_DIM": 800, "backbone": "resnet50"})


@pytest.mark.parametrize(
    ("per_image", "ratio", "positives"),
    [
        (200, 0.33, 66),
        (96, 0.33, 31),
        (2, 0.1, 1),  # one slot at least, or the mask head never learns
    ],
)
def test_positive_rois_are_their_share_of_the_slots(per_image: int, ratio: float, positives: int) -> None:
    config = Config(train_rois_per_image=per_image, roi_positive_ratio=ratio)
    assert config.positive_rois_per_image == positives
