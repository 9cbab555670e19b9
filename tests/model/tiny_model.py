"""The Config of the tiny Mask R-CNN that tests share."""

from model.families.mask_rcnn.config import Config

TINY = Config(
    backbone="resnet_small",
    num_classes=4,
    top_down_pyramid_size=16,
    fpn_classif_fc_layers_size=32,
    rpn_width=16,
    mask_width=16,
    image_resize_mode="fit64",
    image_min_dim=64,
    image_max_dim=128,
    rpn_anchor_scales=(8, 16, 32, 64, 128),
    pre_nms_limit=300,
    post_nms_rois_inference=60,
    detection_min_confidence=0.0,
    detection_max_instances=20,
)
