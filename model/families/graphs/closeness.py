"""Closeness: whether two ways to run a graph give the same output."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import openvino as ov

from model.engines.core import new_core
from model.families.graphs.graph import Floats, Graph
from model.families.graphs.source import GraphError
from model.families.pixels import ValueRange

LARGEST_ERROR = 2e-3
"""As a share of the answers' range: two engines that differ by more run different networks."""
LARGEST_ROUNDING = 5e-4
"""As a share of the answers' range: the largest change that is accepted for weights in 16 bits."""
LARGEST_SHARE = 0.01
"""The share of pixels whose class id may differ, as the choice between equal scores is arbitrary."""
LEAST_SIDE = 128  # pixels of the noise for a graph that takes any size


def answer_of(model: ov.Model, picture: Floats) -> npt.NDArray:
    """A normalised graph's output for float32 (1, H, W, C), in full precision."""
    compiled = new_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(picture)[0])


def noise_for(graph: Graph, divisor: int, value_range: ValueRange, std: Sequence[float]) -> Floats:
    """float32 (1, H, W, C) noise, of a size that the graph takes.

    From 0 to 255 for a graph that takes such values, with no deviation `std` to divide them by; else to 1.
    """
    largest_value = 255.0 if value_range == "0-255" and not std else 1.0
    side = -(-LEAST_SIDE // divisor) * divisor
    width, height = graph.size or (side, side)
    shape = (1, height, width, graph.channels)
    return np.random.default_rng(0).uniform(0, largest_value, shape).astype(np.float32)


def error_between(answer: npt.NDArray, expected: npt.NDArray) -> float:
    """The largest difference as a share of the range of `expected`; for class ids, the share that differs."""
    if answer.shape != expected.shape:
        return float("inf")
    if expected.dtype.kind in "iu":
        return float(np.mean(answer != expected))
    least = float(np.finfo(np.float32).eps)
    span = max(float(np.ptp(expected)), float(np.abs(expected).max()) * 1e-3, least)
    return float(np.abs(answer - expected).max()) / span


def check_finite(graph: Graph, answer: npt.NDArray) -> None:
    """Raise GraphError if the answer for noise has values that are not finite, which cannot be drawn."""
    share = float(np.mean(~np.isfinite(answer)))
    if share:
        raise GraphError(
            f"{graph.name} gives values that are not finite numbers ({share:.1%} of them, for a picture of "
            "noise): if it expects other input values, give --value-range, --mean and --std; else its "
            "weights are damaged, or an operation such as a logarithm gets invalid values"
        )


def check_against(
    run: Callable[[Floats], npt.NDArray], graph: Graph, picture: Floats, answer: npt.NDArray
) -> None:
    """Compare the graph's answer with that of its file's own runtime.

    Raises:
        GraphError: the answers differ.
    """
    error = error_between(answer, run(picture))
    allowed = LARGEST_SHARE if graph.ending.kind == "class_ids" else LARGEST_ERROR
    if not error <= allowed:
        raise GraphError(
            f"{graph.name} gives different answers in OpenVINO and in TensorFlow (by {error:.1%}): this "
            "version of OpenVINO does not run it correctly; export it in another format, such as ONNX or "
            "SavedModel"
        )


def rounding_of(model: ov.Model, picture: Floats, answer: npt.NDArray) -> float:
    """The `error_between` `answer` and that of `model`, whose weights were rounded to 16 bits."""
    return error_between(answer_of(model, picture), answer)
