"""Config: every value that defines a Mask R-CNN, under Matterport's names in lower case."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import ConfigDict

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
    """The defaults are Matterport's; fields that Matterport does not have are marked "Here".

    Boxes in standard deviations and window arithmetic are y1 x1 y2 x2, as in Matterport.
    Raises ValueError, saying what would be right, for values that do not fit together.
    """

    __pydantic_config__ = ConfigDict(use_attribute_docstrings=True)  # the docs list each value with its text

    # Network
    backbone: str = "resnet101"
    """The network that sees the picture first: resnet50, resnet101 or (here) resnet_small."""
    num_classes: int = 1
    """Number of classes, background included; in training that of the data."""
    backbone_strides: tuple[int, ...] = (4, 8, 16, 32, 64)
    """Pixels between the cells of P2…P6; only these are supported."""
    top_down_pyramid_size: int = 256
    """Channels of P2…P6; at least 1."""
    fpn_classif_fc_layers_size: int = 1024
    """Width of the box head's two hidden layers; at least 1."""
    rpn_width: int = 512
    """Here: channels of rpn_conv_shared, fixed in Matterport; at least 1."""
    mask_width: int = 256
    """Here: channels of the mask head, fixed in Matterport; at least 1."""
    pool_size: int = 7
    """Cells a side that the box head sees of each region; at least 1."""
    mask_pool_size: int = 14
    """Cells a side that the mask head sees of each region; at least 1."""
    mask_shape: tuple[int, int] = (28, 28)
    """Height and width of a mask: twice mask_pool_size."""
    train_bn: bool = False
    """Whether batch norm learns; it must, if training starts with random weights."""

    # Picture
    image_resize_mode: str = "square"
    """How a picture is brought to the network's size: square, pad64, crop, none or (here) fit64."""
    image_min_dim: int = 800
    """Pixels to which the shorter side is scaled, unless the longer one would exceed image_max_dim."""
    image_max_dim: int = 1024
    """Greatest length of the longer side in pixels; at least image_min_dim."""
    image_min_scale: float = 0.0
    """Least factor by which a picture is enlarged; 0: no limit."""
    image_max_scale: float = 0.0
    """Here: largest factor by which a picture is enlarged; 0: no limit."""
    least_object_size: int = 0
    """Here: pixels a side in the network's input; if most objects are smaller, closer_scale is used."""
    closer_scale: float = 0.0
    """Here: the scale at which a picture of small objects is segmented again, in tiles; 0: never."""
    image_normalization: str = "mean_pixel"
    """Here: mean_pixel, or contrast, which first stretches each picture's grey levels."""
    mean_pixel: tuple[float, float, float] = (123.7, 116.8, 103.9)
    """Subtracted from each pixel: red, green, blue, 0 to 255."""

    # Region proposals
    rpn_anchor_scales: tuple[int, ...] = (32, 64, 128, 256, 512)
    """Side of the anchors in pixels of the network's input, one for each level; above 0."""
    rpn_anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    """Width divided by height of the anchors; above 0."""
    rpn_anchor_stride: int = 1
    """Cells between anchors; only 1 is supported."""
    rpn_nms_threshold: float = 0.7
    """IoU above which the weaker of two proposals is dropped, 0 to 1."""
    rpn_bbox_std_dev: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)
    """Units of the deltas of proposals; above 0."""
    rpn_min_confidence: float = 0.0
    """Here: detection ignores proposals that score less, 0 to 1."""
    pre_nms_limit_per_level: int | None = None
    """Here: most proposals of each level before NMS, which is then faster; null: no limit."""
    pre_nms_limit: int = 6000
    """Most proposals before NMS; at least 1."""
    post_nms_rois_training: int = 2000
    """Most proposals after NMS in training; at least 1."""
    post_nms_rois_inference: int = 1000
    """Most proposals after NMS in detection; at least 1."""

    # Detections
    bbox_std_dev: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)
    """Units of the box head's deltas; above 0."""
    detection_max_instances: int = 100
    """Most objects in a picture; at least 1."""
    detection_min_confidence: float = 0.7
    """Lowest score of an object, 0 to 1."""
    detection_nms_threshold: float = 0.3
    """IoU above which the weaker of two objects of a class is dropped, 0 to 1."""

    # Training
    rpn_train_anchors_per_image: int = 256
    """Anchors of a picture that the RPN learns from; at least 1."""
    train_rois_per_image: int = 200
    """Regions of a picture that the heads learn from; at least 1."""
    roi_positive_ratio: float = 0.33
    """Share of these regions that may lie on objects, 0 to 1."""
    mini_mask_shape: tuple[int, int] = (56, 56)
    """Height and width of the true masks in training; above 0."""
    max_gt_instances: int = 100
    """Most objects of a picture that training uses; at least 1."""
    learning_rate: float = 0.001
    """Peak learning rate; above 0."""
    learning_momentum: float = 0.9
    """Momentum of the optimizer sgd; 0 or more."""
    weight_decay: float = 0.0001
    """Share of each weight by which a step reduces it, times the learning rate; 0 or more."""
    gradient_clip_norm: float = 5.0
    """Gradients are scaled down if their norm over all weights is larger; above 0."""
    loss_weights: Mapping[str, float] = dataclasses.field(default_factory=lambda: dict.fromkeys(LOSSES, 1.0))
    """Weight of each of the five losses in their sum; 0 or more."""

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
