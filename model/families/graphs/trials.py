"""Trials: which outputs a graph gives for a picture of some size, and whether it runs for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import openvino as ov

from model.engines.core import new_core
from model.families.graphs.source import Layout


@dataclass(frozen=True)
class Trial:
    """A picture that a graph took.

    Attributes:
        height: of the picture.
        width: of the picture.
        shapes: of every output.
    """

    height: int
    width: int
    shapes: Sequence[tuple[int, ...]]


def tried(model: ov.Model, layout: Layout, channels: int, height: int, width: int) -> Trial | None:
    """The graph's output shapes for one picture of that size; None if it cannot take it."""
    shape = [1, channels, height, width] if layout == "NCHW" else [1, height, width, channels]
    try:
        fixed = model.clone()
        fixed.reshape(shape)
        outputs = [output.get_partial_shape() for output in fixed.outputs]
        if all(output.is_static for output in outputs):
            return Trial(height, width, [tuple(output.to_shape()) for output in outputs])
        return Trial(height, width, [array.shape for array in _run(fixed)])
    except RuntimeError:
        return None


def runs(model: ov.Model, layout: Layout, channels: int, height: int, width: int) -> bool:
    """Whether a graph really runs for a picture of that size, whatever its declared shapes."""
    shape = [1, channels, height, width] if layout == "NCHW" else [1, height, width, channels]
    try:
        fixed = model.clone()
        fixed.reshape(shape)
        _run(fixed)
    except RuntimeError:
        return False
    return True


def _run(model: ov.Model) -> list[np.ndarray]:
    (parameter,) = model.inputs
    compiled = new_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answers = compiled(np.zeros(parameter.shape, parameter.get_element_type().to_dtype()))
    return [np.asarray(answers[output]) for output in compiled.outputs]
