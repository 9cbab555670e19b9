"""Sizes: finds by trial which picture sizes a graph takes, and which outputs it gives for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import openvino as ov

from model.engines.core import new_core
from model.families.graphs.graph import OutputLayout
from model.families.graphs.source import Layout

DIVISORS = (1, 2, 4, 8, 16, 32, 64, 128)
LEAST_SCALE = Fraction(1, 32)
"""The least scale of a map; a smaller output labels the whole picture, which one fixed size cannot show."""
LEAST_SIDE = 64  # pixels; a deep network may reduce smaller pictures to nothing


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


def tried_divisor(model: ov.Model, layout: Layout, channels: int, divisor: int) -> list[Trial] | None:
    """Trials of two pictures whose sides are odd multiples of `divisor`; None if the graph rejects one."""
    least = -(-LEAST_SIDE // divisor) | 1
    small, middle, large = (divisor * (least + more) for more in (0, 2, 4))
    trials = []
    for height, width in ((small, middle), (large, small)):
        trial = tried(model, layout, channels, height, width)
        if trial is None:
            return None
        trials.append(trial)
    return trials


def map_layout(trials: Sequence[Trial], index: int, usual: Layout) -> OutputLayout | None:
    """The layout of the output with that index; None if it is not a map of the pictures.

    Along each side, a map has a whole number of values per pixel, or of pixels per value: with another
    ratio it would not align with the picture.
    """
    possible = [layout for layout in ("NHW", "NCHW", "NHWC") if _scale(trials, index, layout) is not None]
    if not possible:
        return None
    return usual if usual in possible else possible[0]  # type: ignore[return-value]


def _scale(trials: Sequence[Trial], index: int, layout: str) -> Fraction | None:
    scales = set()
    for trial in trials:
        shape = trial.shapes[index]
        if len(shape) != len(layout):
            return None
        for axis, side in (("H", trial.height), ("W", trial.width)):
            scales.add(Fraction(shape[layout.index(axis)], side))
    if len(scales) != 1:
        return None
    scale = scales.pop()
    if scale < LEAST_SCALE or (scale.numerator != 1 and scale.denominator != 1):
        return None
    return scale


def _run(model: ov.Model) -> list[np.ndarray]:
    (parameter,) = model.inputs
    compiled = new_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answers = compiled(np.zeros(parameter.shape, parameter.get_element_type().to_dtype()))
    return [np.asarray(answers[output]) for output in compiled.outputs]
