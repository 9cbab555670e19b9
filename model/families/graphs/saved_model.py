"""TensorFlow's SavedModel folders."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy.typing as npt

from model.engines.core import new_core
from model.families.graphs.saved_model_operations import refuse_other_operations
from model.families.graphs.source import GraphError, Run, Source, reason
from model.families.graphs.tensorflow_operations import extensions

SIGNATURE = "serving_default"


def read_saved_model(folder: Path) -> Source:
    """The graph of a SavedModel's serving signature.

    Raises:
        GraphError: it is damaged, or could run code of its own.
    """
    _refuse_what_might_run(folder)
    core = new_core()
    for extension in extensions():
        core.add_extension(extension)
    try:
        model = core.read_model(folder)
    except RuntimeError as error:
        raise GraphError(
            f"{folder.name} cannot be read as a SavedModel ({reason(error)}): it is damaged, or has "
            "operations that OpenVINO does not support"
        ) from None
    if not model.inputs:
        raise GraphError(
            f"{folder.name} has no signature, so its inputs are unknown: save it with "
            "tf.saved_model.save(model, FOLDER, signatures=...), or with model.export(FOLDER)"
        )
    used, run = _runtime(folder)
    sentences = []
    if used != SIGNATURE:
        sentences.append(f"It has no signature {SIGNATURE}, so {used or 'another one'} is used.")
    if run is None:
        sentences.append("TensorFlow cannot run it, so its answers were not compared with TensorFlow's.")
    return Source(folder.name, model, layout="NHWC", run=run, sentences=tuple(sentences))


def _refuse_what_might_run(folder: Path) -> None:
    """Search the file for operations that must not run, before anything loads it."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel()
    try:
        saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    except Exception:  # protobuf's DecodeError; protobuf is installed only as a part of TensorFlow
        raise GraphError(f"{folder.name}/saved_model.pb is damaged or cut off: copy it again") from None
    refuse_other_operations(saved, folder.name)


def _runtime(folder: Path) -> tuple[str, Run | None]:
    """The signature that OpenVINO reads, "" if there are several, and a function to run it in TensorFlow."""
    import tensorflow as tf

    try:
        loaded = tf.saved_model.load(str(folder))
        names = list(loaded.signatures)
        used = SIGNATURE if SIGNATURE in names else names[0] if len(names) == 1 else ""
        signature = loaded.signatures[used]
    except KeyError:
        return "", None
    except (OSError, ValueError, AttributeError, tf.errors.OpError):
        return SIGNATURE, None  # OpenVINO has read it, so it is usable, but cannot be compared
    (name,) = list(signature.structured_input_signature[1])[:1] or [""]

    def run(picture: npt.NDArray) -> Mapping[str, npt.NDArray]:
        assert loaded  # keeps its variables alive
        return {key: value.numpy() for key, value in signature(**{name: tf.constant(picture)}).items()}

    return used, run
