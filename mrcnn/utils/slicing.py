"""Slicing: runs a function that takes one example on each example of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any


def batch_slice(
    inputs: Any, graph_fn: Callable[..., Any], batch_size: int, names: Sequence[str] | None = None
) -> Any:
    """Call `graph_fn` for each of the first `batch_size` examples, and stack what it returns.

    Args:
        inputs: a tensor of Keras' backend, or a list of them, with the batch as first dimension.
        graph_fn: takes an example of each input; returns a tensor, or a list or tuple of them.
        batch_size: number of examples.
        names: accepted, and without effect: tensors have had no names since TensorFlow 2.

    Returns:
        A tensor, or a list of them if `graph_fn` returns more than one.
    """
    from keras import ops

    batches = inputs if isinstance(inputs, list) else [inputs]
    outputs = [graph_fn(*(batch[index] for batch in batches)) for index in range(batch_size)]
    several = [list(output) if isinstance(output, list | tuple) else [output] for output in outputs]
    stacked = [ops.stack(examples, axis=0) for examples in zip(*several, strict=True)]
    return stacked[0] if len(stacked) == 1 else stacked
