"""The TensorFlow engine: runs the stages as graphs in fp32. It is the reference for the other engines."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.engines.stages import Floats, StageSpec


class TensorFlowRunner:
    """`stages.Runner` for Keras models; the output that stays inside the engine is a TensorFlow tensor."""

    name = "tensorflow"
    precision = "f32"
    few_shapes = False

    def __init__(self, stages: Sequence[StageSpec], models: Sequence[keras.Model]) -> None:
        """Take the stages of a network, and a Keras model for each in the same order."""
        backend = keras.backend.backend()
        if backend != "tensorflow":
            raise ValueError(
                f"KERAS_BACKEND is {backend!r}, which works for training only: unset it to run models with"
                " tensorflow"
            )
        self.stages = stages
        self._functions = {stage.name: _compiled(model) for stage, model in zip(stages, models, strict=True)}

    def start(self, picture: Floats) -> TensorFlowPass:
        """See `stages.Runner`."""
        outputs = self._functions[self.stages[0].name](picture)
        if not isinstance(outputs, list | tuple):
            outputs = [outputs]
        return TensorFlowPass(self._functions, outputs, has_heads=len(self.stages) > 1)

    def graphs(self) -> dict[str, Any]:
        """Return the stages as TensorFlow concrete functions, by name, for other engines to compile."""
        return {name: function.get_concrete_function() for name, function in self._functions.items()}


class TensorFlowPass:
    """`stages.Pass` for TensorFlow tensors."""

    def __init__(self, functions: Mapping[str, Any], outputs: Sequence[Any], *, has_heads: bool) -> None:
        self._functions = functions
        self._kept = outputs[0] if has_heads else None
        self.outputs = [output.numpy() for output in outputs[has_heads:]]

    def head(self, name: str, *inputs: npt.NDArray) -> list[Floats]:
        """See `stages.Pass`."""
        outputs = self._functions[name](self._kept, *inputs)
        return [output.numpy() for output in (outputs if isinstance(outputs, list | tuple) else [outputs])]

    def kept(self) -> npt.NDArray:
        """See `stages.Pass`."""
        return np.array(self._kept)


def limit_threads(threads: int) -> None:
    """Compute each operation with `threads` threads, 1 or more, in all networks of this process.

    TensorFlow accepts this only before its first operation; afterwards, the call has no effect.
    """
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(threads)


def _compiled(model: keras.Model) -> Any:
    """Return the model for one picture as a graph with one signature: each further graph would stay."""
    signature = [tf.TensorSpec((1, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs]
    if len(signature) == 1:
        return tf.function(lambda picture: model(picture, training=False), input_signature=signature)
    return tf.function(lambda *inputs: model(list(inputs), training=False), input_signature=signature)
