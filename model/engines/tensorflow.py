"""The TensorFlow engine: the stages as compiled graphs, in fp32. The reference that others are held to."""

from __future__ import annotations

import contextlib
from typing import Any

import keras
import numpy.typing as npt
import tensorflow as tf

from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.inference import Features
from model.families.mask_rcnn.network import MaskRCNN
from model.families.mask_rcnn.sampling import sample


class TensorFlowStages:
    """`inference.Stages` over a MaskRCNN; features stay TensorFlow tensors."""

    name = "tensorflow"
    precision = "f32"
    few_shapes = False

    def __init__(self, network: MaskRCNN) -> None:
        backend = keras.backend.backend()
        if backend != "tensorflow":
            raise ValueError(
                f"KERAS_BACKEND is {backend!r}: it may train, but models run with tensorflow; unset it"
            )
        # One signature a stage with free sizes: a graph for each new shape would never be given back.
        config = network.config
        self._box_size, self._mask_size = config.pool_size, config.mask_pool_size
        cells = tf.TensorSpec((1, None, config.top_down_pyramid_size), tf.float32)
        self._trunk = tf.function(
            lambda picture: network.trunk_model(picture, training=False),
            input_signature=[tf.TensorSpec((1, None, None, 3), tf.float32)],
        )
        self._box_head = tf.function(
            lambda *inputs: network.box_model(inputs, training=False),
            input_signature=[cells, *_samples(self._box_size)],
        )
        self._mask_head = tf.function(
            lambda *inputs: network.mask_model(inputs, training=False),
            input_signature=[cells, *_samples(self._mask_size), tf.TensorSpec((1, None), tf.int32)],
        )

    def trunk(self, picture: Floats) -> tuple[Features, Floats, Floats]:
        """See `inference.Stages`."""
        cells, objectness, deltas = self._trunk(picture)
        return Features(cells, picture.shape[1:3]), objectness.numpy(), deltas.numpy()

    def box_head(self, features: Features, rois: Floats) -> tuple[Floats, Floats]:
        """See `inference.Stages`."""
        samples = sample(rois, features.picture_shape, self._box_size)
        logits, deltas = self._box_head(features.cells, *samples)
        return logits.numpy(), deltas.numpy()

    def mask_head(self, features: Features, rois: Floats, class_ids: npt.NDArray) -> Floats:
        """See `inference.Stages`."""
        samples = sample(rois, features.picture_shape, self._mask_size)
        return self._mask_head(features.cells, *samples, class_ids).numpy()

    def graphs(self) -> dict[str, Any]:
        """The stages as TensorFlow concrete functions, by name, for other engines to compile."""
        stages = {"trunk": self._trunk, "box_head": self._box_head, "mask_head": self._mask_head}
        return {name: stage.get_concrete_function() for name, stage in stages.items()}


def limit_threads(threads: int) -> None:
    """Compute each operation with `threads` threads, 1 or more, in all networks of this process.

    TensorFlow hears that only before its first operation; afterwards its threads stay as they are.
    """
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)


def _samples(size: int) -> list[tf.TensorSpec]:
    shape = (1, None, size, size, 4)
    return [tf.TensorSpec(shape, tf.int32), tf.TensorSpec(shape, tf.float32)]
