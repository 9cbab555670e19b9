"""The region proposal network: one small head applied to every pyramid level (Ren et al. 2015)."""

from __future__ import annotations

from keras import KerasTensor, layers, ops

from model.families.mask_rcnn.config import Config


def build_rpn(pyramid: list[KerasTensor], config: Config) -> tuple[KerasTensor, KerasTensor]:
    """For the A anchors of all levels: objectness logits (B, A) and deltas (B, A, 4) in units of std dev.

    Matterport's head gives two logits per anchor, background and object; their difference is the
    objectness logit, whose sigmoid equals the object's softmax. Outputs are float32 even if the rest is
    computed in 16 bits, since boxes and losses suffer from these.
    """
    count = config.anchors_per_location
    shared = layers.Conv2D(config.rpn_width, 3, padding="same", activation="relu", name="rpn_conv_shared")
    two_logits = layers.Conv2D(2 * count, 1, dtype="float32", name="rpn_class_raw")
    deltas = layers.Conv2D(4 * count, 1, dtype="float32", name="rpn_bbox_pred")
    objectness_of_levels, deltas_of_levels = [], []
    for level in pyramid:
        features = shared(level)
        pairs = layers.Reshape((-1, 2), dtype="float32")(two_logits(features))
        objectness_of_levels.append(pairs[..., 1] - pairs[..., 0])
        deltas_of_levels.append(layers.Reshape((-1, 4), dtype="float32")(deltas(features)))
    return (
        ops.concatenate(objectness_of_levels, axis=1),
        ops.concatenate(deltas_of_levels, axis=1),
    )
