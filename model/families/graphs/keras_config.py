"""The config of layers in a Keras file: checked before Keras reads it, and converted for Keras 3."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from model.families.graphs.source import GraphError

CODE_LAYERS = {"Lambda", "__lambda__"}
OPERATION_LAYERS = {"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"}
"""Keras 2's layers for TensorFlow functions called between layers; Keras 3 cannot read them."""
MODULES = (
    "keras.layers",
    "keras.models",
    "keras.initializers",
    "keras.regularizers",
    "keras.constraints",
    "keras.activations",
    "keras.ops",
    "keras.engine",
    "keras.src",
    "keras.dtype_policies",
)
"""Modules that a layer or its values may come from; others, such as `keras.utils`, can download files."""
FORBIDDEN_MODULES = ("keras.src.utils", "keras.src.saving", "keras.src.legacy")
BUILT_IN = {"keras", "builtins", "tensorflow.keras.layers", None}
PLAIN_CLASSES = {"__tuple__", "__tensor__", "__keras_tensor__", "__numpy__", "slice", "__ellipsis__"}

Values = dict[str, Any]


def refuse_code(config: Values, file_name: str) -> None:
    """Raise GraphError if anything in `config`, the JSON of a model, would run the file's own code."""
    for part in _parts(config):
        name = part["class_name"]
        values = part.get("config")
        shown = (values.get("name") if isinstance(values, dict) else None) or part.get("name") or name
        if name in CODE_LAYERS:
            raise GraphError(
                f"{file_name} holds Python code (the Lambda layer {shown!r}), which is never run: replace it "
                "with a Keras layer, such as Rescaling, Resizing or Activation, and save the model again"
            )
        if name in OPERATION_LAYERS:
            raise GraphError(
                f"{file_name} has a TensorFlow operation between its layers ({shown!r}, {name}), which only "
                "Keras 2 can read: with Keras 2, export the model as a SavedModel with model.export(FOLDER)"
            )
        if not _is_of_keras(part):
            origin = f"{part.get('module') or part.get('registered_name')}".rstrip(".")
            raise GraphError(
                f"{file_name} needs code that is not in the file ({name}, of {origin}): where that code is "
                "available, export the model as a SavedModel with model.export(FOLDER), or as ONNX"
            )


def without_training(value: Any) -> Any:
    """The JSON of a model without its compile settings, at every depth.

    Keras compiles nested models when it reads them, even if `load_model` has compile=False: it would look
    for custom losses, which serving does not need.
    """
    if isinstance(value, list):
        return [without_training(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: without_training(item) for key, item in value.items() if key != "compile_config"}


def for_keras_3(config: Values) -> Values:
    """The config of a Keras 2 model without arguments that Keras 3's layers do not accept."""
    import keras

    def cleaned(value: Any) -> Any:
        if isinstance(value, list):
            return [cleaned(item) for item in value]
        if not isinstance(value, dict):
            return value
        made = {key: cleaned(item) for key, item in value.items()}
        layer = getattr(keras.layers, str(made.get("class_name")), None)
        if isinstance(layer, type) and isinstance(made.get("config"), dict):
            made["config"] = _accepted(made["config"], layer)
        return made

    result: Values = cleaned(config)
    return result


def _accepted(values: Values, layer: type) -> Values:
    """The values without those that `layer` does not accept, if they have no effect."""
    if layer.__name__ == "InputLayer":
        return {key: value for key, value in values.items() if key not in ("ragged", "sparse", "type_spec")}
    known = set(_arguments(layer)) | {"batch_input_shape", "alpha", "layers", "layer"}
    kept = {key: value for key, value in values.items() if key in known or value not in (None, False, 1, {})}
    axis = kept.get("axis")
    if layer.__name__ == "BatchNormalization" and isinstance(axis, list) and len(axis) == 1:
        kept["axis"] = axis[0]
    return kept


def _arguments(layer: type) -> Iterator[str]:
    for parent in layer.__mro__:
        if parent is not object and "__init__" in vars(parent):
            yield from inspect.signature(vars(parent)["__init__"]).parameters
    yield from ("name", "trainable", "dtype", "activity_regularizer", "input_shape", "batch_shape")


def _parts(value: Any) -> Iterator[Values]:
    if isinstance(value, list):
        for item in value:
            yield from _parts(item)
    elif isinstance(value, dict):
        if isinstance(value.get("class_name"), str):
            yield value
        for item in value.values():
            yield from _parts(item)


def _is_of_keras(part: Values) -> bool:
    name, module, registered = part["class_name"], part.get("module"), part.get("registered_name")
    if ">" in name or (registered and ">" in str(registered)):  # "package>Name", registered by a user's code
        return False
    if module in BUILT_IN:
        return name in PLAIN_CLASSES or module != "builtins"
    words = str(module)
    if any(words == one or words.startswith(f"{one}.") for one in FORBIDDEN_MODULES):
        return False
    return any(words == one or words.startswith(f"{one}.") for one in MODULES)
