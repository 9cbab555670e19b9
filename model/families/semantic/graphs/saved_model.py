"""SavedModel folders of TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy.typing as npt
import openvino as ov

from model.families.semantic.graphs.source import GraphError, Run, Source, reason
from model.families.semantic.graphs.tensorflow_operations import extensions

CODE = {"PyFunc", "PyFuncStateless", "EagerPyFunc", "NumpyFunction"}
"""Operations that call Python."""
FILES = {"ReadFile", "WriteFile", "MatchingFiles", "WholeFileReader", "WholeFileReaderV2", "LoadLibrary"}
"""Operations that reach for files of the machine; those that restore the model's own weights are others."""
SIGNATURE = "serving_default"


def read_saved_model(folder: Path) -> Source:
    """The graph of a SavedModel's serving signature.

    Raises:
        GraphError: it is damaged, or would run code of its own.
    """
    _refuse_code(folder)
    core = ov.Core()
    for extension in extensions():
        core.add_extension(extension)
    try:
        model = core.read_model(folder)
    except RuntimeError as error:
        raise GraphError(
            f"{folder.name} cannot be read as a SavedModel ({reason(error)}): it is damaged, or has "
            "operations that OpenVINO does not know"
        ) from None
    return Source(folder.name, model, layout="NHWC", run=_runtime(folder))


def _refuse_code(folder: Path) -> None:
    """Look through the file for operations that must not run, before anything loads it."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel()
    try:
        saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    except Exception:  # a DecodeError of protobuf, which is a part of TensorFlow here
        raise GraphError(
            f"{folder.name}/saved_model.pb is damaged, or was cut short: copy it again"
        ) from None
    used = set(_operations(saved))
    if used & CODE:
        raise GraphError(
            f"{folder.name} calls Python code ({', '.join(sorted(used & CODE))}; tf.py_function or "
            "tf.numpy_function), which is not in the file and would not be run: write that part in "
            "TensorFlow's own operations and save the model again"
        )
    if used & FILES:
        raise GraphError(
            f"{folder.name} reads or writes files when it runs ({', '.join(sorted(used & FILES))}), which is "
            "refused: save the model without that part"
        )


def _operations(saved: object) -> Iterator[str]:
    for graph in saved.meta_graphs:  # type: ignore[attr-defined]
        yield from (node.op for node in graph.graph_def.node)
        for function in graph.graph_def.library.function:
            yield from (node.op for node in function.node_def)


def _runtime(folder: Path) -> Run | None:
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(folder))
        signature = loaded.signatures[SIGNATURE]
    except (KeyError, OSError, ValueError, AttributeError, tf.errors.OpError):
        return None  # OpenVINO has read it, so it can be used, only not compared
    (name,) = list(signature.structured_input_signature[1])[:1] or [""]

    def run(picture: npt.NDArray) -> Mapping[str, npt.NDArray]:
        assert loaded  # keeps its variables alive
        return {key: value.numpy() for key, value in signature(**{name: tf.constant(picture)}).items()}

    return run
