"""Sizes: finds by trial which picture sizes a graph takes, and which outputs it gives for them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import openvino as ov

from model.families.graphs.graph import OutputLayout
from model.families.graphs.source import Layout
from model.families.graphs.trials import Trial, tried

DIVISORS = (1, 2, 4, 8, 16, 32, 64, 128)
LEAST_SCALE = Fraction(1, 32)
"""The least scale of a map; a smaller output labels the whole picture, which one fixed size cannot show."""
LEAST_SIDE = 64  # pixels; a deep network may reduce smaller pictures to nothing


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
