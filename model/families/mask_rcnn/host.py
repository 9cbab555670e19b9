"""Calling NumPy from inside a training step, on any Keras backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import ops

HostFunction = Callable[..., Sequence[npt.NDArray]]


def call_on_host(
    function: HostFunction, inputs: Sequence[Any], outputs: Sequence[tuple[tuple[int, ...], str]]
) -> list[Any]:
    """Run `function` on the inputs as NumPy arrays; no gradient flows through it.

    Args:
        function: takes an array for each input, returns an array for each output.
        inputs: tensors of the backend.
        outputs: the shape and dtype of each result, which compiled backends must know beforehand.
    """
    inputs = [ops.stop_gradient(tensor) for tensor in inputs]
    backend = keras.backend.backend()
    if backend == "tensorflow":
        return _call_from_tensorflow(function, inputs, outputs)
    if backend == "jax":
        import jax

        specs = [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in outputs]
        as_arrays = lambda *arrays: list(function(*map(np.asarray, arrays)))  # noqa: E731
        return list(jax.pure_callback(as_arrays, specs, *inputs))
    results = function(*(ops.convert_to_numpy(tensor) for tensor in inputs))
    return [ops.convert_to_tensor(result) for result in results]


def _call_from_tensorflow(
    function: HostFunction, inputs: Sequence[Any], outputs: Sequence[tuple[tuple[int, ...], str]]
) -> list[Any]:
    import tensorflow as tf

    results = tf.numpy_function(function, inputs, [dtype for _, dtype in outputs])
    for result, (shape, _) in zip(results, outputs, strict=True):
        result.set_shape(shape)
    return list(results)
