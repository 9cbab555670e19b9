"""Weights: reads and writes the layers of a classifier by name.

Three kinds of files are read: our own; the published SqueezeNet 1.1 and MobileNet of Keras 2, which have a
group per layer; and MobileNet as Keras 3 writes it, which numbers the layers of each class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import numpy.typing as npt

from model.families.classifier.config import NetworkName
from model.families.mistaken_files import mistaken_for_a_model
from model.files.whole_files import whole_file
from model.storage.problems import some

if TYPE_CHECKING:
    import keras

HEAD = "logits"
"""The layer whose size depends on the number of classes."""
LayerWeights = dict[str, npt.NDArray]
"""One layer's arrays by their Keras names: kernel, bias, gamma, beta, moving_mean, moving_variance."""
NORM_VARIABLES = ("gamma", "beta", "moving_mean", "moving_variance")
READING_ERRORS = (OSError, RuntimeError, KeyError, ValueError)
"""The errors that h5py raises if a file is missing or damaged."""
HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
HEAD_BYTES = 512  # read from a file of another kind to recognise it
MARKS: dict[NetworkName, str] = {"squeezenet": "fire2_squeeze1x1", "mobilenet": "conv_dw_1"}
"""A layer that only this network has."""


class WeightsError(ValueError):
    """A weight file does not fit the network, or the file is not a weight file."""


def read_weights(path: Path) -> dict[str, LayerWeights]:
    """Every layer of a weight file that has weights, by our layer names.

    Raises:
        WeightsError: the file is missing, of another kind, damaged, or has values that are not finite.
    """
    try:
        with h5py.File(path, "r") as file:
            stored = dict(_keras_3(file["layers"]) if "layers" in file else _by_group(file))
    except READING_ERRORS as error:
        raise WeightsError(_unreadable(path, error)) from None
    if network_in(stored) is None:
        names = some(sorted(stored)) or "none"
        raise WeightsError(
            f"{path.name} has neither SqueezeNet 1.1 nor MobileNet v1: its layers are {names}. Give weights "
            "of one of these networks"
        )
    broken = [
        name for name, arrays in stored.items() if not all(np.isfinite(a).all() for a in arrays.values())
    ]
    if broken:
        raise WeightsError(
            f"{path.name} has values that are not finite (NaN or infinity) in {some(broken)}: the training "
            "diverged, or the file was damaged. Use the weights of an earlier report"
        )
    return stored


def network_in(stored: Mapping[str, LayerWeights]) -> NetworkName | None:
    """Which network the layers are of; None: neither."""
    return next((network for network, mark in MARKS.items() if mark in stored), None)


def fill(layers: Sequence[keras.Layer], stored: Mapping[str, LayerWeights], file_name: str) -> None:
    """Fill the layers from `stored`, which may have more.

    Raises:
        WeightsError: a layer is missing or has another shape; no layer was changed.
    """
    missing = [layer.name for layer in layers if layer.name not in stored]
    misshapen = [
        f"{layer.name}/{variable.name} is {_shape(stored[layer.name].get(variable.name))}, not "
        f"{tuple(variable.shape)}"
        for layer in layers
        if layer.name in stored
        for variable in layer.weights
        if _shape(stored[layer.name].get(variable.name)) != str(tuple(variable.shape))
    ]
    problems = [
        f"{heading}: {some(names)}."
        for heading, names in (("Missing", missing), ("Other shape", misshapen))
        if names
    ]
    if problems:
        raise WeightsError(f"{file_name} does not fit this network. {' '.join(problems)}")
    for layer in layers:
        for variable in layer.weights:
            variable.assign(stored[layer.name][variable.name])


def save_weights(layers: Sequence[keras.Layer], path: Path) -> None:
    """Write `layers` by name for `read_weights`; the file is written completely or not at all."""
    with whole_file(path) as part, h5py.File(part, "w") as file:
        for layer in layers:
            for variable in layer.weights:
                file[f"{layer.name}/{variable.name}"] = np.asarray(variable, np.float32)


def _by_group(file: h5py.File) -> Iterator[tuple[str, LayerWeights]]:
    """Layers in groups of their names; a published file lists them, since its names contain slashes."""
    names = file.attrs.get("layer_names", sorted(file))
    for name in (name.decode() if isinstance(name, bytes) else str(name) for name in names):
        if arrays := {_variable(path, array): array for path, array in _arrays_in(file[name])}:
            yield name.replace("/", "_"), arrays


def _keras_3(layers: h5py.Group) -> Iterator[tuple[str, LayerWeights]]:
    """The layers of a MobileNet without its top, in a file that Keras 3 wrote."""
    for name, group in layers.items():
        arrays = [array for _, array in _arrays_in(group)]
        if not arrays:
            continue
        kind, number = re.fullmatch(r"(.*?)(?:_(\d+))?", name).groups()  # type: ignore[union-attr]  # always
        index = int(number or 0)
        if kind == "conv2d":
            yield ("conv1" if index == 0 else f"conv_pw_{index}"), {"kernel": arrays[0]}
        elif kind == "depthwise_conv2d":
            yield f"conv_dw_{index + 1}", {"kernel": arrays[0]}
        elif kind == "batch_normalization":
            block, is_pointwise = (index + 1) // 2, index % 2 == 0
            normed = f"conv_{'pw' if is_pointwise else 'dw'}_{block}" if index else "conv1"
            yield f"{normed}_bn", dict(zip(NORM_VARIABLES, arrays, strict=True))
        else:
            yield name, {str(i): array for i, array in enumerate(arrays)}


def _arrays_in(group: h5py.Group) -> list[tuple[str, npt.NDArray]]:
    """The arrays below a group with their paths, in the order of their names."""
    found: list[tuple[str, npt.NDArray]] = []

    def keep(path: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            found.append((path, item[()]))

    group.visititems(keep)
    return found


def _variable(path: str, array: npt.NDArray) -> str:
    """Keras 3's name for a variable; the published SqueezeNet calls kernels "uniform1" and biases "…_b"."""
    name = path.rpartition("/")[2].partition(":")[0]
    if name in ("bias", *NORM_VARIABLES):
        return name
    return "kernel" if array.ndim in (2, 4) else "bias"


def _shape(array: npt.NDArray | None) -> str:
    return "missing" if array is None else str(array.shape)


def _unreadable(path: Path, error: Exception) -> str:
    if not path.exists():
        return f"{path}: there is no such weight file"
    if path.is_dir():
        return f"{path} is a folder: give the weight file (.h5) in it"
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError:
        return f"{path.name} cannot be read: no permission"
    if not head.startswith(HDF5_MAGIC):
        return (
            mistaken_for_a_model(path.name, head)
            or f"{path.name} is not a weight file: HDF5 (.h5) was expected"
        )
    return f"{path.name} is damaged ({error}): copy or download it again"
