"""Config: every value that defines a Mask R-CNN, under Matterport's names in lower case."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from model.storage.problems import made_of

BACKBONES = ("resnet50", "resnet101", "resnet_small")
RESIZE_MODES = ("square", "pad64", "crop", "none", "fit64")
NORMALIZATIONS = ("mean_pixel", "contrast")
LOSSES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")
COARSEST_STRIDE = 64
"""Pixels between cells of P6: both sides of the trunk's input are multiples of it."""

COUNTS = (
    *("top_down_pyramid_size", "fpn_classif_fc_layers_size", "rpn_width", "mask_width"),
    *("num_classes", "pool_size", "mask_pool_size", "image_min_dim", "detection_max_instances"),
    *("pre_nms_limit", "post_nms_rois_training", "post_nms_rois_inference"),
    *("rpn_train_anchors_per_image", "train_rois_per_image", "max_gt_instances"),
)
SHARES = (
    *("rpn_min_confidence", "rpn_nms_threshold", "roi_positive_ratio"),
    *("detection_nms_threshold", "detection_min_confidence"),
)
POSITIVE = (
    *("rpn_anchor_scales", "rpn_anchor_ratios", "rpn_bbox_std_dev", "bbox_std_dev"),
    *("mini_mask_shape", "learning_rate", "gradient_clip_norm"),
)
NOT_NEGATIVE = (
    *("image_min_scale", "image_max_scale", "least_object_size", "closer_scale"),
    *("learning_momentum", "weight_decay"),
)


@dataclass(frozen=True)
class Config:
    """The defaults are Matterport's; fields that Matterport does not have are marked "here".

    Boxes in standard deviations and window arithmetic are y1 x1 y2 x2, as in Matterport.
    Raises ValueError, saying what would be right, for values that do not fit together.
    """

    # Network
    backbone: str = "resnet101"
    num_classes: int = 1  # background included
    backbone_strides: tuple[int, ...] = (4, 8, 16, 32, 64)
    top_down_pyramid_size: int = 256  # channels of P2…P6
    fpn_classif_fc_layers_size: int = 1024
    rpn_width: int = 512  # here: channels of rpn_conv_shared, fixed in Matterport
    mask_width: int = 256  # here: channels of the mask head, fixed in Matterport
    pool_size: int = 7
    mask_pool_size: int = 14
    mask_shape: tuple[int, int] = (28, 28)
    train_bn: bool = False

    # Picture
    image_resize_mode: str = "square"
    image_min_dim: int = 800
    image_max_dim: int = 1024
    image_min_scale: float = 0.0
    image_max_scale: float = 0.0  # here: the largest factor by which a picture is enlarged; 0: no limit
    least_object_size: int = 0  # here: pixels a side in the network's input; if most objects are smaller,
    closer_scale: float = 0.0  # here: the picture is segmented again at this scale, in tiles; 0: never
    image_normalization: str = "mean_pixel"  # here: "contrast" first stretches each picture's grey levels
    mean_pixel: tuple[float, float, float] = (123.7, 116.8, 103.9)  # RGB, 0…255

    # Region proposals
    rpn_anchor_scales: tuple[int, ...] = (32, 64, 128, 256, 512)  # side in pixels, one per level
    rpn_anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)  # width / height
    rpn_anchor_stride: int = 1
    rpn_nms_threshold: float = 0.7
    rpn_bbox_std_dev: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)
    rpn_min_confidence: float = 0.0  # here: detection ignores weaker proposals
    pre_nms_limit_per_level: int | None = None  # here: for each level; NMS is faster, answers differ
    pre_nms_limit: int = 6000
    post_nms_rois_training: int = 2000
    post_nms_rois_inference: int = 1000

    # Detections
    bbox_std_dev: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)
    detection_max_instances: int = 100
    detection_min_confidence: float = 0.7
    detection_nms_threshold: float = 0.3

    # Training
    rpn_train_anchors_per_image: int = 256
    train_rois_per_image: int = 200
    roi_positive_ratio: float = 0.33
    mini_mask_shape: tuple[int, int] = (56, 56)
    max_gt_instances: int = 100
    learning_rate: float = 0.001
    learning_momentum: float = 0.9
    weight_decay: float = 0.0001
    gradient_clip_norm: float = 5.0
    loss_weights: Mapping[str, float] = dataclasses.field(default_factory=lambda: dict.fromkeys(LOSSES, 1.0))

    def __post_init__(self) -> None:
        self._make_tuples()
        _one_of("backbone", self.backbone, BACKBONES)
        _one_of("image_resize_mode", self.image_resize_mode, RESIZE_MODES)
        _one_of("image_normalization", self.image_normalization, NORMALIZATIONS)
        self._check_signs()
        self._check_pyramid()
        self._check_picture()
        self._check_heads()

    @property
    def anchors_per_location(self) -> int:
        return len(self.rpn_anchor_ratios)

    @property
    def positive_rois_per_image(self) -> int:
        """The most of `train_rois_per_image` that may lie on an object; the mask head trains on these."""
        return max(1, int(self.train_rois_per_image * self.roi_positive_ratio))

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Config:
        """The Config that `to_json` wrote. Raises ValueError for an unknown name or a wrong type."""
        return made_of(cls, values)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json` can write and `from_json` reads back."""
        return dataclasses.asdict(self)

    def _make_tuples(self) -> None:
        """Matterport's configs have lists and arrays, but these values must be comparable and hashable."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                value = value.tolist()
            if isinstance(value, list):
                object.__setattr__(self, field.name, tuple(value))

    def _check_signs(self) -> None:
        for name in COUNTS:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)}: give at least 1")
        per_level = self.pre_nms_limit_per_level
        if per_level is not None and per_level < 1:
            raise ValueError(f"pre_nms_limit_per_level {per_level}: give at least 1, or null for no limit")
        for name in POSITIVE:
            values = getattr(self, name)
            if not all(value > 0 for value in (values if isinstance(values, tuple) else (values,))):
                raise ValueError(f"{name} {values}: give only values above 0")
        for name in NOT_NEGATIVE:
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name} {getattr(self, name)}: give 0 or more")
        if set(self.loss_weights) != set(LOSSES) or not all(w >= 0 for w in self.loss_weights.values()):
            raise ValueError(
                f"loss_weights {dict(self.loss_weights)}: give a weight of 0 or more for each of "
                f"{', '.join(LOSSES)}"
            )

    def _check_pyramid(self) -> None:
        if self.backbone_strides != (4, 8, 16, 32, 64):
            raise ValueError(
                f"backbone_strides {self.backbone_strides}: only (4, 8, 16, 32, 64) is supported"
            )
        if len(self.rpn_anchor_scales) != len(self.backbone_strides):
            raise ValueError(
                f"rpn_anchor_scales has {len(self.rpn_anchor_scales)} values: give "
                f"{len(self.backbone_strides)}, one for each level of the pyramid"
            )
        if self.rpn_anchor_stride != 1:
            raise ValueError(f"rpn_anchor_stride {self.rpn_anchor_stride}: only 1 is supported")
        if not self.rpn_anchor_ratios:
            raise ValueError("rpn_anchor_ratios is empty: give at least one, such as (1.0,)")

    def _check_picture(self) -> None:
        if self.image_min_dim > self.image_max_dim:
            raise ValueError(
                f"image_min_dim {self.image_min_dim} is above image_max_dim {self.image_max_dim}: swap them"
            )
        least = max(1.0, self.image_min_scale, self.closer_scale)
        if 0 < self.image_max_scale < least:
            raise ValueError(
                f"image_max_scale {self.image_max_scale} is below {least}, the largest of 1, image_min_scale "
                "and closer_scale: raise it, or give 0 for no limit"
            )
        padded_to = {"square": self.image_max_dim, "crop": self.image_min_dim}.get(self.image_resize_mode)
        if padded_to is not None and padded_to % COARSEST_STRIDE:
            above = -(-padded_to // COARSEST_STRIDE) * COARSEST_STRIDE
            raise ValueError(
                f"image_resize_mode {self.image_resize_mode!r} makes pictures of {padded_to} pixels, "
                f"which the pyramid cannot halve six times: use a multiple of {COARSEST_STRIDE}, "
                f"such as {above}"
            )

    def _check_heads(self) -> None:
        wanted = (2 * self.mask_pool_size, 2 * self.mask_pool_size)
        if self.mask_shape != wanted:
            raise ValueError(
                f"mask_shape {self.mask_shape}: the mask head doubles mask_pool_size "
                f"{self.mask_pool_size}, so it must be {wanted}"
            )
        for name in SHARES:
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} {value} is outside 0…1")


def _one_of(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name} {value!r} is unknown: use one of {', '.join(allowed)}")
