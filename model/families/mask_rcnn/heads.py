"""The two heads: for each RoI, the box head finds the class and the box, the mask head the pixels.

Their outputs are float32 even if the rest is computed in 16 bits (`mixed_bfloat16`).
"""

from __future__ import annotations

from typing import Any

import keras
from keras import KerasTensor, layers, ops

from model.families.mask_rcnn.backbones import batch_norm
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.roi_align import RoIAlign

MASK_CONVOLUTIONS = 4


def build_box_head(
    cells: KerasTensor, points: list[KerasTensor], config: Config
) -> tuple[KerasTensor, KerasTensor]:
    """Class logits (B, R, classes) and deltas (B, R, classes, 4) in units of std dev.

    Matterport writes the two hidden layers as convolutions over the whole 7 × 7 grid; as the equivalent
    dense layers they run ten times faster.
    """
    aligned = RoIAlign(name="roi_align_classifier")([cells, *points])
    grid = config.pool_size**2 * config.top_down_pyramid_size
    hidden = layers.Reshape((-1, grid))(aligned)
    for index in (1, 2):
        hidden = layers.Dense(config.fpn_classif_fc_layers_size, name=f"mrcnn_class_conv{index}")(hidden)
        hidden = layers.ReLU()(batch_norm(hidden, f"mrcnn_class_bn{index}", config.train_bn))
    logits = layers.Dense(config.num_classes, dtype="float32", name="mrcnn_class_logits")(hidden)
    deltas = layers.Dense(4 * config.num_classes, dtype="float32", name="mrcnn_bbox_fc")(hidden)
    return logits, layers.Reshape((-1, config.num_classes, 4), dtype="float32")(deltas)


def build_mask_head(
    cells: KerasTensor, points: list[KerasTensor], class_ids: KerasTensor, config: Config
) -> KerasTensor:
    """Probabilities (B, D, 28, 28): the mask of each RoI for its own class."""
    size, width = config.mask_pool_size, config.mask_width
    aligned = RoIAlign(name="roi_align_mask")([cells, *points])
    hidden = ops.reshape(aligned, (-1, size, size, config.top_down_pyramid_size))
    for index in range(1, MASK_CONVOLUTIONS + 1):
        hidden = layers.Conv2D(width, 3, padding="same", name=f"mrcnn_mask_conv{index}")(hidden)
        hidden = layers.ReLU()(batch_norm(hidden, f"mrcnn_mask_bn{index}", config.train_bn))
    hidden = layers.Conv2DTranspose(width, 2, strides=2, activation="relu", name="mrcnn_mask_deconv")(hidden)
    masks = layers.Conv2D(config.num_classes, 1, activation="sigmoid", dtype="float32", name="mrcnn_mask")(
        hidden
    )
    return OwnClass(dtype="float32", name="mrcnn_own_class")([masks, class_ids])


class OwnClass(keras.layers.Layer):
    """[masks (B · D, 28, 28, classes), class ids (B, D)] → each RoI's mask of its class (B, D, 28, 28)."""

    def call(self, inputs: list[Any]) -> Any:
        masks, class_ids = inputs
        masks = ops.take_along_axis(masks, ops.reshape(class_ids, (-1, 1, 1, 1)), axis=-1)
        return ops.reshape(masks, (-1, ops.shape(class_ids)[1], *masks.shape[1:3]))

    def compute_output_shape(self, input_shape: list[tuple]) -> tuple:
        masks, class_ids = input_shape
        return (*class_ids, *masks[1:3])
