"""Bundling: a graph is compared with its file's own runtime, and written as the stage of a bundle."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from model.engines.core import new_core
from model.engines.saving import save_model
from model.families.graphs.closeness import (
    LARGEST_ROUNDING,
    LARGEST_SHARE,
    check_against,
    check_finite,
    rounding_of,
)
from model.families.graphs.graph import Floats, Graph

WEIGHTS = "openvino/f32/trunk.bin"
"""The file of the weights in a bundle; the graph itself is beside it."""


def compare(graph: Graph, picture: Floats, answer: npt.NDArray) -> list[str]:
    """Compare the graph's answer with that of the file's own runtime; returns sentences for the user.

    Raises:
        GraphError: the answer has values that are not finite, or the answers differ.
    """
    check_finite(graph, answer)
    if graph.run is None:
        return []
    check_against(graph.run, graph, picture, answer)
    return ["Its answers in OpenVINO and TensorFlow agree."]


def write_graph(graph: Graph, picture: Floats, answer: npt.NDArray, bundle: Path) -> list[str]:
    """Write the graph, with weights in 16 bits unless that changes its answers too much."""
    path = (bundle / WEIGHTS).with_suffix(".xml")
    path.parent.mkdir(parents=True)
    save_model(graph.model, path, in_16_bits=True)
    lost = rounding_of(new_core().read_model(path), picture, answer)
    if lost <= (LARGEST_SHARE if graph.ending.kind == "class_ids" else LARGEST_ROUNDING):
        return []
    save_model(graph.model, path, in_16_bits=False)
    if not np.isfinite(lost):
        return ["Its weights are kept in 32 bits: some are too large for 16 bits."]
    return [f"Its weights are kept in 32 bits: 16 would change its answers by {lost:.1%} of their range."]
