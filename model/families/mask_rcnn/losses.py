"""The five losses of Mask R-CNN; each is a mean over the items that count, or 0 if there are none."""

from __future__ import annotations

from typing import Any

from keras import ops

from model.families.mask_rcnn.targets import NEUTRAL, POSITIVE


def rpn_class_loss(match: Any, objectness: Any) -> Any:
    """Cross-entropy of the anchors in use. match: int32 (B, A) of 1, 0, -1; objectness: logits (B, A)."""
    truth = ops.cast(ops.equal(match, POSITIVE), "float32")
    loss = ops.binary_crossentropy(truth, objectness, from_logits=True)
    return _mean_where(loss, ops.not_equal(match, NEUTRAL))


def rpn_bbox_loss(match: Any, target_deltas: Any, deltas: Any) -> Any:
    """Smooth L1 of the positive anchors. Deltas: (B, A, 4) in units of std dev."""
    return _mean_where(ops.mean(smooth_l1(target_deltas - deltas), axis=-1), ops.equal(match, POSITIVE))


def mrcnn_class_loss(class_ids: Any, logits: Any, labelled: Any = None) -> Any:
    """Cross-entropy over classes. class_ids: int32 (B, R), -1 for padding; logits: (B, R, classes).

    labelled: (B, classes), 1 for the classes that a picture's data set labels, if not all. A RoI that the
    network takes for another class may be right, so it does not count (Matterport's `active_class_ids`).
    """
    loss = ops.sparse_categorical_crossentropy(ops.maximum(class_ids, 0), logits, from_logits=True)
    counts = class_ids >= 0
    if labelled is not None:
        counts = ops.logical_and(
            counts, ops.take_along_axis(labelled, ops.argmax(logits, axis=-1), axis=1) > 0
        )
    return _mean_where(loss, counts)


def mrcnn_bbox_loss(class_ids: Any, target_deltas: Any, deltas: Any) -> Any:
    """Smooth L1 of positive RoIs, for their own class. deltas: (B, R, classes, 4) in units of std dev."""
    own = ops.maximum(class_ids, 0)[..., None, None]
    own_deltas = ops.squeeze(ops.take_along_axis(deltas, ops.tile(own, (1, 1, 1, 4)), axis=2), axis=2)
    return _mean_where(ops.mean(smooth_l1(target_deltas - own_deltas), axis=-1), class_ids > 0)


def mrcnn_mask_loss(class_ids: Any, target_masks: Any, masks: Any) -> Any:
    """Cross-entropy of positive RoIs' pixels. Masks: (B, P, 28, 28), the network's as probabilities."""
    loss = ops.mean(ops.binary_crossentropy(target_masks, masks), axis=(2, 3))
    return _mean_where(loss, class_ids > 0)


def smooth_l1(difference: Any) -> Any:
    """Fast R-CNN, equation 3, for each value."""
    size = ops.abs(difference)
    return ops.where(size < 1.0, 0.5 * size * size, size - 0.5)


def _mean_where(loss: Any, counts: Any) -> Any:
    weight = ops.cast(counts, "float32")
    return ops.sum(loss * weight) / ops.maximum(ops.sum(weight), 1.0)
