"""The five losses with the library's arguments, over those that training uses."""

from __future__ import annotations

from typing import Any

from keras import ops

from model.families.mask_rcnn import losses
from model.families.mask_rcnn.targets import POSITIVE
from mrcnn.config import Config


def smooth_l1_loss(y_true: Any, y_pred: Any) -> Any:
    """Fast R-CNN, equation 3, for each value."""
    return losses.smooth_l1(y_true - y_pred)


def rpn_class_loss_graph(rpn_match: Any, rpn_class_logits: Any) -> Any:
    """rpn_match: (B, A, 1) of 1, -1 and 0, which does not count; rpn_class_logits: (B, A, 2)."""
    return losses.rpn_class_loss(rpn_match[..., 0], rpn_class_logits[..., 1] - rpn_class_logits[..., 0])


def rpn_bbox_loss_graph(config: Config, target_bbox: Any, rpn_match: Any, rpn_bbox: Any) -> Any:
    """target_bbox: (B, N, 4), of the positive anchors in order; rpn_match: (B, A, 1); rpn_bbox: (B, A, 4)."""
    match = ops.cast(rpn_match[..., 0], "int32")
    positive = ops.cast(ops.equal(match, POSITIVE), "int32")
    place = ops.maximum(ops.cumsum(positive, axis=1) - 1, 0)
    targets = ops.take_along_axis(target_bbox, ops.tile(place[..., None], (1, 1, 4)), axis=1)
    return losses.rpn_bbox_loss(match, targets, rpn_bbox)


def mrcnn_class_loss_graph(target_class_ids: Any, pred_class_logits: Any, active_class_ids: Any) -> Any:
    """target_class_ids: (B, R), 0 for background; logits: (B, R, classes); active_class_ids: (B, classes)."""
    return losses.mrcnn_class_loss(ops.cast(target_class_ids, "int32"), pred_class_logits, active_class_ids)


def mrcnn_bbox_loss_graph(target_bbox: Any, target_class_ids: Any, pred_bbox: Any) -> Any:
    """target_bbox: (B, R, 4); target_class_ids: (B, R); pred_bbox: (B, R, classes, 4)."""
    return losses.mrcnn_bbox_loss(ops.cast(target_class_ids, "int32"), target_bbox, pred_bbox)


def mrcnn_mask_loss_graph(target_masks: Any, target_class_ids: Any, pred_masks: Any) -> Any:
    """target_masks: (B, R, h, w) of 0 and 1; target_class_ids: (B, R); pred_masks: (B, R, h, w, classes)."""
    ids = ops.cast(target_class_ids, "int32")
    own = ops.take_along_axis(pred_masks, ids[:, :, None, None, None], axis=-1)[..., 0]
    return losses.mrcnn_mask_loss(ids, target_masks, own)
