"""Conversion: converts the stages of a network from TensorFlow graphs to OpenVINO models."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import openvino as ov

from model.engines.core import new_core
from model.engines.saving import save_model
from model.engines.stages import StageSpec

if TYPE_CHECKING:
    from model.engines.tensorflow import TensorFlowRunner

Models = dict[str, ov.Model]
"""Name of a stage → its model."""


def convert(runner: TensorFlowRunner) -> Models:
    """Return the stages as OpenVINO models, with the same open sizes as the runner's graphs."""
    return {name: _convert(name, graph) for name, graph in runner.graphs().items()}


def stages_in(folder: Path, stages: Sequence[StageSpec]) -> Models:
    """Return the stages that `save` wrote to a folder."""
    core = new_core()
    return {stage.name: core.read_model(folder / f"{stage.name}.xml") for stage in stages}


def save(models: Models, folder: Path, *, in_16_bits: bool = True) -> None:
    """Write STAGE.xml and STAGE.bin to `folder`, with weights in 16 bits or as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, model in models.items():
        save_model(model, folder / f"{name}.xml", in_16_bits=in_16_bits)


def _convert(name: str, graph: object) -> ov.Model:
    try:
        with _variables_found_once():
            model = ov.convert_model(graph)
    except Exception as error:
        if "KeyboardInterrupt" in str(error):  # the converter reports an interrupt as its own failure
            raise KeyboardInterrupt from None
        if "SystemExit" in str(error):
            sys.exit(128 + signal.SIGTERM)
        raise
    # After the graph's own outputs, the converter lists intermediate sizes.
    answers = model.outputs[: len(graph.outputs)]  # type: ignore[attr-defined]
    return ov.Model(answers, model.get_parameters(), name)


@contextmanager
def _variables_found_once() -> Iterator[None]:
    """Make the converter look up each variable of a graph only once.

    It looks up each variable about sixteen times, each time among all variables. For a network of some
    hundred layers, that is four fifths of its time.
    """
    from openvino.frontend.tensorflow.node_decoder import TFGraphNodeDecoder

    find = TFGraphNodeDecoder.get_variable
    TFGraphNodeDecoder.get_variable = staticmethod(cache(find))
    try:
        yield
    finally:
        TFGraphNodeDecoder.get_variable = staticmethod(find)
