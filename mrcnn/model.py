"""MaskRCNN and the functions that Matterport's `mrcnn.model` has."""

from __future__ import annotations

try:
    import keras  # noqa: F401
    import tensorflow as tf  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"mrcnn.model needs {error.name}: pip install 'maskserve[train]' or, in a checkout, "
        "pip install -r requirements.txt",
        name=error.name,
    ) from error

from mrcnn.detecting.molding import mold_image, unmold_image
from mrcnn.detecting.picture_meta import compose_image_meta, parse_image_meta, parse_image_meta_graph
from mrcnn.learning.generator import DataGenerator, data_generator
from mrcnn.learning.ground_truth import load_image_gt
from mrcnn.learning.targets import build_detection_targets, build_rpn_targets, generate_random_rois
from mrcnn.logging_arrays import log
from mrcnn.mask_rcnn import MaskRCNN
from mrcnn.network.building import compute_backbone_shapes
from mrcnn.network.replaced_layers import (
    DetectionLayer,
    DetectionTargetLayer,
    ProposalLayer,
    PyramidROIAlign,
    build_fpn_mask_graph,
    build_rpn_model,
    detection_targets_graph,
    fpn_classifier_graph,
    refine_detections_graph,
    rpn_graph,
)
from mrcnn.network.residual_blocks import BatchNorm, conv_block, identity_block, resnet_graph
from mrcnn.network.tensor_boxes import (
    apply_box_deltas_graph,
    batch_pack_graph,
    clip_boxes_graph,
    denorm_boxes_graph,
    log2_graph,
    norm_boxes_graph,
    overlaps_graph,
    trim_zeros_graph,
)
from mrcnn.network.tensor_losses import (
    mrcnn_bbox_loss_graph,
    mrcnn_class_loss_graph,
    mrcnn_mask_loss_graph,
    rpn_bbox_loss_graph,
    rpn_class_loss_graph,
    smooth_l1_loss,
)

__all__ = [
    "BatchNorm",
    "DataGenerator",
    "DetectionLayer",
    "DetectionTargetLayer",
    "MaskRCNN",
    "ProposalLayer",
    "PyramidROIAlign",
    "apply_box_deltas_graph",
    "batch_pack_graph",
    "build_detection_targets",
    "build_fpn_mask_graph",
    "build_rpn_model",
    "build_rpn_targets",
    "clip_boxes_graph",
    "compose_image_meta",
    "compute_backbone_shapes",
    "conv_block",
    "data_generator",
    "denorm_boxes_graph",
    "detection_targets_graph",
    "fpn_classifier_graph",
    "generate_random_rois",
    "identity_block",
    "load_image_gt",
    "log",
    "log2_graph",
    "mold_image",
    "mrcnn_bbox_loss_graph",
    "mrcnn_class_loss_graph",
    "mrcnn_mask_loss_graph",
    "norm_boxes_graph",
    "overlaps_graph",
    "parse_image_meta",
    "parse_image_meta_graph",
    "refine_detections_graph",
    "resnet_graph",
    "rpn_bbox_loss_graph",
    "rpn_class_loss_graph",
    "rpn_graph",
    "smooth_l1_loss",
    "trim_zeros_graph",
    "unmold_image",
]
