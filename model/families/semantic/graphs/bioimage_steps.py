"""Steps of a bioimage.io model before and after its network: as config values, or added to the graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import openvino as ov
import openvino.opset13 as ops

from model.families.graphs.source import GraphError
from model.families.semantic.graphs.bioimage_description import Step

Floats = npt.NDArray[np.float32]

NORMALIZATIONS = {"zero_mean_unit_variance": "zero_mean_unit_variance", "scale_range": "percentiles"}
"""Steps that use statistics of the whole picture, and their names in SemanticConfig."""
LEAST_RANGE = 1e-6  # the format's own default
CHANNEL_AXIS = 3


def split(steps: Sequence[Step], where: str) -> tuple[Step | None, list[Step]]:
    """The normalization of each picture, if there is one, and the steps that follow it.

    Steps before a normalization are dropped if they do not affect it: scaling by one factor for all channels.

    Raises:
        GraphError: a step before the normalization is unknown, or would change its result.
    """
    kept = [step for step in steps if step.name != "ensure_dtype"]
    places = [index for index, step in enumerate(kept) if is_normalization(step)]
    if not places:
        return None, kept
    for step in kept[: places[-1]]:
        scales = step.name == "scale_linear" and _is_one_positive(step.kwargs.get("gain", 1.0))
        if not scales and not is_normalization(step):
            raise GraphError(
                f"{where} has the step {step.name} before {kept[places[-1]].name}, which is not supported"
            )
    return kept[places[-1]], kept[places[-1] + 1 :]


def is_normalization(step: Step) -> bool:
    """Whether the step uses statistics of the picture's values."""
    return step.name in NORMALIZATIONS and step.kwargs.get("mode") != "fixed"


def told_by(step: Step, channels: int) -> dict[str, Any]:
    """The values of SemanticConfig for a normalization."""
    told: dict[str, Any] = {"normalization": NORMALIZATIONS[step.name]}
    if step.name == "scale_range":
        told["percentiles"] = _percentiles(step)
    if channels > 1 and "c" not in step.kwargs.get("axes", "cyx"):
        told["per_channel"] = True
    return told


def normalized(picture: Floats, step: Step) -> Floats:
    """float32 (1, H, W, C) after a normalization, as the format defines it."""
    axes = tuple("byxc".index(axis) for axis in step.kwargs.get("axes", "cyx") if axis != "b")
    least = float(step.kwargs.get("eps", LEAST_RANGE))
    if step.name == "scale_range":
        low, high = np.percentile(picture, _percentiles(step), axis=axes, keepdims=True)
        return ((picture - low) / (high - low + least)).astype(np.float32)
    mean, deviation = picture.mean(axes, keepdims=True), picture.std(axes, keepdims=True)
    return ((picture - mean) / (deviation + least)).astype(np.float32)


def applied(value: ov.Output, step: Step, where: str) -> ov.Output:
    """The values, NHWC, after a step that is added to the graph.

    Raises:
        GraphError: the step is unknown, or its number of values does not fit the channels.
    """
    kwargs, channels = step.kwargs, list(value.get_partial_shape())[CHANNEL_AXIS]
    for key in ("gain", "offset", "mean", "std", "threshold"):
        count = np.size(kwargs.get(key, 0))
        if count != 1 and channels.is_static and channels != count:
            raise GraphError(
                f"{where} has the step {step.name} with {count} values of {key} for {channels} "
                "channels: give one value, or one per channel"
            )
    match step.name:
        case "scale_linear":
            scaled = ops.multiply(value, _constant(kwargs.get("gain", 1.0)))
            return ops.add(scaled, _constant(kwargs.get("offset", 0.0))).output(0)
        case "fixed_zero_mean_unit_variance" | "zero_mean_unit_variance":
            shifted = ops.subtract(value, _constant(kwargs["mean"]))
            return ops.divide(shifted, _constant(kwargs["std"])).output(0)
        case "clip":
            low, high = (float(kwargs.get(key, end)) for key, end in (("min", -3e38), ("max", 3e38)))
            return ops.clamp(value, low, high).output(0)
        case "binarize":
            return ops.convert(ops.greater(value, _constant(kwargs["threshold"])), np.float32).output(0)
        case "sigmoid":
            return ops.sigmoid(value).output(0)
        case "softmax":
            return ops.softmax(value, CHANNEL_AXIS).output(0)
    raise GraphError(
        f"{where} has the unknown step {step.name}: export the model with this step as part of the network"
    )


def _constant(values: Any) -> ov.Node:
    """A constant of one number, or one per channel, to combine with NHWC."""
    return ops.constant(np.asarray(values, np.float32).reshape(-1))


def _percentiles(step: Step) -> tuple[float, float]:
    return float(step.kwargs.get("min_percentile", 0.0)), float(step.kwargs.get("max_percentile", 100.0))


def _is_one_positive(gain: Any) -> bool:
    values = np.unique(np.asarray(gain, np.float64))
    return len(values) == 1 and values[0] > 0
