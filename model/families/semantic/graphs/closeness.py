"""Closeness: whether two ways to run a graph give the same."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import openvino as ov

from model.engines.core import new_core
from model.families.semantic.graphs.graph import Floats, Graph
from model.families.semantic.graphs.source import GraphError

LARGEST_ERROR = 2e-3
"""Of the range of the answers: two engines that differ by more run different networks."""
LARGEST_ROUNDING = 5e-4
"""Of the same, that weights in 16 bits may cost."""
LARGEST_SHARE = 0.01
"""Of the pixels that may have another class id: where two scores tie, chance decides."""
LEAST_SIDE = 128  # pixels of the noise for a graph that takes any size


def answer_of(model: ov.Model, picture: Floats) -> npt.NDArray:
    """What a normalised graph gives for float32 (1, H, W, C), in full precision."""
    compiled = new_core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return np.array(compiled(picture)[0])


def noise_for(graph: Graph, divisor: int, largest_value: float) -> Floats:
    """float32 (1, H, W, C) from 0 to `largest_value`, of a size that the graph takes."""
    side = -(-LEAST_SIDE // divisor) * divisor
    width, height = graph.size or (side, side)
    shape = (1, height, width, graph.channels)
    return np.random.default_rng(0).uniform(0, largest_value, shape).astype(np.float32)


def error_between(answer: npt.NDArray, expected: npt.NDArray) -> float:
    """The largest difference as a share of the range of `expected`; of class ids the share that differs."""
    if answer.shape != expected.shape:
        return float("inf")
    if expected.dtype.kind in "iu":
        return float(np.mean(answer != expected))
    least = float(np.finfo(np.float32).eps)
    span = max(float(np.ptp(expected)), float(np.abs(expected).max()) * 1e-3, least)
    return float(np.abs(answer - expected).max()) / span


def check_finite(graph: Graph, answer: npt.NDArray) -> None:
    """Raise GraphError if an answer to noise has values that are no numbers, which could never be drawn."""
    share = float(np.mean(~np.isfinite(answer)))
    if share:
        raise GraphError(
            f"{graph.name} answers with values that are no finite numbers ({share:.1%} of them, for noise as "
            "its picture): if it wants other values, say --value-range, --mean and --std; else its weights "
            "are damaged, or an operation such as a logarithm gets what it cannot take"
        )


def check_against(
    run: Callable[[Floats], npt.NDArray], graph: Graph, picture: Floats, answer: npt.NDArray
) -> None:
    """Compare the graph's answer with that of its file's own runtime.

    Raises:
        GraphError: it gives something else.
    """
    error = error_between(answer, run(picture))
    allowed = LARGEST_SHARE if graph.ending.kind == "class_ids" else LARGEST_ERROR
    if not error <= allowed:
        raise GraphError(
            f"{graph.name} answers otherwise in OpenVINO than in TensorFlow (by {error:.1%}): this version "
            "of OpenVINO does not run it right; export it another way, such as ONNX or a SavedModel"
        )


def rounding_of(model: ov.Model, picture: Floats, answer: npt.NDArray) -> float:
    """How far `model`, whose weights were rounded to 16 bits, is from `answer`, as `error_between`."""
    return error_between(answer_of(model, picture), answer)
