"""Keras files: Keras 3's `.keras`, and whole models as `.h5` from Keras 2 and 3."""

from __future__ import annotations

import json
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy.typing as npt
import openvino as ov

from model.families.graphs.endings import LARGEST_FACTOR
from model.families.graphs.keras_config import for_keras_3, refuse_code, without_training
from model.families.graphs.source import GraphError, Source, reason
from model.families.graphs.tensorflow_operations import extensions

CONFIG = "config.json"
LARGEST_FILE = 4 << 30  # bytes that a .keras file may unpack to
LARGEST_CONFIG = 64 << 20  # bytes; a zip file may claim to hold far more than it should


def read_keras(path: Path) -> Source:
    """The graph of a `.keras` file.

    Raises:
        GraphError: it is damaged, holds code, or needs layers that Keras does not have.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo(CONFIG).file_size > LARGEST_CONFIG:
                raise GraphError(f"{path.name} has a config.json of more than {LARGEST_CONFIG >> 20} MiB")
            if sum(part.file_size for part in archive.infolist()) > LARGEST_FILE:
                raise GraphError(f"{path.name} unpacks to more than {LARGEST_FILE >> 30} GiB")
            config = without_training(json.loads(archive.read(CONFIG)))
        refuse_code(config, path.name)
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "model.keras"
            _copy_with(config, path, copy)
            return _converted(copy, path.name)
    except (zipfile.BadZipFile, zlib.error, KeyError, EOFError, json.JSONDecodeError, UnicodeError) as error:
        raise _damaged(path, error) from None


def _copy_with(config: Any, path: Path, copy: Path) -> None:
    """Copy a `.keras` file, replacing its config.json."""
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(copy, "w") as made:
        made.writestr(CONFIG, json.dumps(config))
        for name in sorted(set(archive.namelist()) - {CONFIG}):
            with archive.open(name) as source, made.open(name, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, 1 << 20)


def read_keras_h5(path: Path) -> Source:
    """The graph of a whole model as `.h5`.

    Raises:
        GraphError: it is damaged, holds only weights, holds code, or needs layers that Keras does not have.
    """
    try:
        with h5py.File(path) as file:
            words = file.attrs.get("model_config")
        config = None if words is None else json.loads(words)
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None
    if config is None:
        raise GraphError(
            f"{path.name} holds only weights, without their network: where it was made, save the whole model "
            "with model.save(FILE.keras) instead of model.save_weights"
        )
    config = without_training(config)
    refuse_code(config, path.name)
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.h5"
        shutil.copyfile(path, copy)
        try:
            with h5py.File(copy, "r+", locking=False) as file:
                file.attrs["model_config"] = json.dumps(for_keras_3(config))
                file.attrs.pop("training_config", None)
        except (OSError, RuntimeError) as error:
            raise _damaged(path, error) from None
        return _converted(copy, path.name)


def _converted(path: Path, name: str) -> Source:
    import keras
    import tensorflow as tf

    if keras.backend.backend() != "tensorflow":
        raise GraphError(f"reading {name} needs TensorFlow: unset KERAS_BACKEND, or set it to tensorflow")
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # whatever Keras raises, the file is at fault
        raise GraphError(
            f"{name} cannot be read by Keras {keras.__version__} ({reason(error)}): if the file is not "
            "damaged, export the model as a SavedModel or as ONNX where it was made"
        ) from None
    if not getattr(model, "inputs", None):  # a Sequential that was never built lacks the attribute
        raise GraphError(
            f"{name} was saved before it was built, so it has no input shape and no weights: give it an "
            "Input, or call it once with a picture, then train it and save it again"
        )
    if len(model.inputs) != 1:
        taken = ", ".join(f"{one.name} {tuple(one.shape)}" for one in model.inputs)
        raise GraphError(
            f"{name} takes {len(model.inputs)} inputs ({taken}): only one, the picture, is supported"
        )

    names = list(getattr(model, "output_names", ()))

    def answers(picture: Any) -> list[Any]:
        given = model(_as_expected(model, picture), training=False)
        if isinstance(given, dict):
            names[:] = sorted(given)  # the order of `flatten`
        return list(keras.tree.flatten(given))

    (picture,) = model.inputs
    spec = tf.TensorSpec((1, *picture.shape[1:]), picture.dtype)
    try:
        function = tf.function(answers).get_concrete_function(spec)
        converted = ov.convert_model(function, extension=extensions())
    except Exception as error:
        raise GraphError(f"{name} cannot be converted to OpenVINO ({reason(error)})") from None
    given = converted.outputs[: len(function.outputs)]  # after them the converter adds intermediate sizes
    names = names or [f"output {index}" for index in range(len(given))]
    for output, output_name in zip(given, names, strict=False):
        output.set_names({output_name})

    def run(picture: npt.NDArray) -> Mapping[str, npt.NDArray]:
        return {key: value.numpy() for key, value in zip(names, function(tf.constant(picture)), strict=False)}

    graph = ov.Model(given, converted.get_parameters(), "trunk")
    return Source(name, graph, layout="NHWC", run=run, scales_down=_scales_down(model))


def _scales_down(model: Any) -> bool:
    """Whether one of the layers divides by 255, by 127.5 or the like."""
    scales = (getattr(layer, "scale", None) for layer in model._flatten_layers())
    return any(isinstance(scale, float) and 0 < abs(scale) <= LARGEST_FACTOR for scale in scales)


def _as_expected(model: Any, picture: Any) -> Any:
    """The picture in the structure that the model expects: for files of Keras 2, a list of one."""
    structure = getattr(model, "_inputs_struct", None)
    return [picture] if isinstance(structure, list) else picture


def _damaged(path: Path, error: Exception) -> GraphError:
    return GraphError(f"{path.name} is damaged or cut off ({reason(error)}): copy or download it again")
