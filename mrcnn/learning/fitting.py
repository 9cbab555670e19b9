"""Fitting: trains for some epochs with Keras' own loop, and writes a weight file and logs after each."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mrcnn.config import Config
from mrcnn.network.keras_model import TrainingModel

SCALAR = tf.compat.v1.SummaryMetadata(
    plugin_data=tf.compat.v1.SummaryMetadata.PluginData(plugin_name="scalars")
)
"""How TensorBoard knows a number to draw as a curve."""


def compile_for(model: TrainingModel, config: Config, learning_rate: float, momentum: float) -> None:
    """Give the model the library's optimizer: gradient descent with momentum, gradients clipped together."""
    optimizer = keras.optimizers.SGD(
        learning_rate, momentum=momentum, global_clipnorm=config.GRADIENT_CLIP_NORM
    )
    model.compile(optimizer=optimizer, jit_compile=False)


def fit(
    model: TrainingModel,
    batches: tf.data.Dataset,
    validation: tf.data.Dataset | None,
    config: Config,
    done: int,
    epochs: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> keras.callbacks.History:
    """Train a compiled model from epoch `done` on, until `epochs` in all are done.

    Raises:
        Diverged: the loss is not finite.
    """
    return model.fit(
        batches,
        initial_epoch=done,
        epochs=epochs,
        steps_per_epoch=config.STEPS_PER_EPOCH,
        validation_data=validation,
        validation_steps=config.VALIDATION_STEPS if validation is not None else None,
        callbacks=[EndOnNonsense(), *callbacks],
        shuffle=False,  # the data is
    )


class Diverged(RuntimeError):
    """The loss is not finite, so the weights have become useless."""


class EndOnNonsense(keras.callbacks.Callback):
    """Ends training before an epoch's weight file would get weights that are not finite."""

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        loss = float((logs or {})["loss"])
        if not math.isfinite(loss):
            raise Diverged(
                f"the loss is {loss} at step {batch + 1} of this epoch. The weight files of earlier epochs "
                "are good: go on from the last with a lower learning_rate, such as a tenth. If there is "
                "none, start from trained weights (load_weights), or set TRAIN_BN = None"
            )


class WeightFiles(keras.callbacks.Callback):
    """Writes the weights after each epoch to `path`, which has "{epoch:04d}" for its number."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        path = self.path.format(epoch=epoch + 1, **(logs or {}))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        self.model.save_weights(path)


class Curves(keras.callbacks.Callback):
    """Writes the losses of each epoch for TensorBoard, which need not be installed here.

    One file with "val_" in names, as in the library; Keras' own callback needs TensorBoard.
    """

    def __init__(self, folder: str) -> None:
        super().__init__()
        self.folder = folder

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        self.writer = tf.summary.create_file_writer(self.folder)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        with self.writer.as_default():
            for name, value in (logs or {}).items():
                tf.summary.write(name, np.float32(value), step=epoch, metadata=SCALAR)
        self.writer.flush()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        self.writer.close()
