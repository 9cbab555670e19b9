"""The TensorFlow engine: the stages as compiled graphs, in fp32. The reference that others are held to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy.typing as npt
import tensorflow as tf

from model.mrcnn.boxes import Floats
from model.mrcnn.network import MaskRCNN


class TensorFlowStages:
    """`inference.Stages` over a MaskRCNN; features stay TensorFlow tensors."""

    name = "tensorflow"
    precision = "f32"

    def __init__(self, network: MaskRCNN) -> None:
        backend = keras.backend.backend()
        if backend != "tensorflow":
            raise ValueError(
                f"KERAS_BACKEND is {backend!r}: it may train, but models run with tensorflow; unset it"
            )
        # One signature a stage with free sizes: a graph for each new shape would never be given back.
        features = [
            tf.TensorSpec((1, None, None, network.config.top_down_pyramid_size), tf.float32) for _ in range(4)
        ]
        rois = tf.TensorSpec((1, None, 4), tf.float32)
        self._trunk = tf.function(
            lambda picture: _without_p6(network.trunk_model(picture, training=False)),
            input_signature=[tf.TensorSpec((1, None, None, 3), tf.float32)],
        )
        self._box_head = tf.function(
            lambda features, rois: network.box_model([*features, rois], training=False),
            input_signature=[features, rois],
        )
        self._mask_head = tf.function(
            lambda features, rois, class_ids: network.mask_model(
                [*features, rois, class_ids], training=False
            ),
            input_signature=[features, rois, tf.TensorSpec((1, None), tf.int32)],
        )

    def trunk(self, picture: Floats) -> tuple[Sequence[Any], Floats, Floats]:
        """See `inference.Stages`."""
        *features, objectness, deltas = self._trunk(picture)
        return features, objectness.numpy(), deltas.numpy()

    def box_head(self, features: Sequence[Any], rois: Floats) -> tuple[Floats, Floats]:
        """See `inference.Stages`."""
        logits, deltas = self._box_head(list(features), rois)
        return logits.numpy(), deltas.numpy()

    def mask_head(self, features: Sequence[Any], rois: Floats, class_ids: npt.NDArray) -> Floats:
        """See `inference.Stages`."""
        return self._mask_head(list(features), rois, class_ids).numpy()

    def graphs(self) -> dict[str, Any]:
        """The stages as TensorFlow concrete functions, by name, for other engines to compile."""
        stages = {"trunk": self._trunk, "box_head": self._box_head, "mask_head": self._mask_head}
        return {name: stage.get_concrete_function() for name, stage in stages.items()}


def _without_p6(answers: list[Any]) -> list[Any]:
    """The trunk's answers less P6, which only the RPN inside it needs."""
    *features, _, objectness, deltas = answers
    return [*features, objectness, deltas]
