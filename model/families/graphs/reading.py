"""Reading: the graph in a file of any supported kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from model.families.graphs.keras_file import read_keras, read_keras_h5
from model.families.graphs.onnx import read_onnx, read_openvino
from model.families.graphs.recognition import Kind, kind_of
from model.families.graphs.saved_model import read_saved_model
from model.families.graphs.source import GraphError, Source
from model.families.graphs.tflite import read_tflite

READERS: dict[Kind, Callable[[Path], Source]] = {
    "onnx": read_onnx,
    "openvino": read_openvino,
    "keras": read_keras,
    "hdf5": read_keras_h5,
    "saved_model": read_saved_model,
    "tflite": read_tflite,
}


def read_source(path: Path) -> Source:
    """The graph in a file or folder.

    Raises:
        FileNotFoundError: `path` does not exist.
        GraphError: the file cannot or must not be read; the message says why and what to do.
    """
    kind = kind_of(path)
    if kind == "bioimage":
        raise GraphError(f"{path.name} describes a bioimage.io model: give its folder")
    return READERS[kind](path)
