"""Weights: files by layer name, Matterport's and this project's, into Keras layers and out of them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import keras

LayerWeights = Mapping[str, npt.NDArray]
"""One layer's arrays by their Keras names: kernel, bias, gamma, beta, moving_mean, moving_variance."""

CLASS_LAYERS = ("mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask")
"""The layers whose shape follows the number of classes."""
WITHOUT_WEIGHTS = ("mrcnn_bbox",)
"""Layers of Matterport's that are none here and have no weights; its own examples exclude them."""
NAMED_AT_MOST = 8


class WeightsError(ValueError):
    """A weight file that does not fit the network, or is none."""


def read_weights(path: str | Path) -> dict[str, LayerWeights]:
    """Every layer of a weight file that has weights, by layer name.

    Reads what Keras 2 wrote: groups by layer (nested where Matterport's RPN is a model of its own), arrays
    as `…/layer/name:0`.

    Raises:
        WeightsError: the file is missing or is no HDF5.
    """
    layers: dict[str, dict[str, npt.NDArray]] = {}
    try:
        with h5py.File(path, "r") as file:
            for array_path, array in _arrays(file):
                *groups, variable = array_path.split("/")
                layer = groups[-1] if groups else variable
                layers.setdefault(layer, {})[variable.removesuffix(":0")] = array
    except FileNotFoundError:
        raise WeightsError(f"{Path(path).name}: there is no such file") from None
    except OSError:
        raise WeightsError(f"{Path(path).name} is not a weight file: HDF5 (.h5) was expected") from None
    return dict(layers)


def load_weights(layers: Sequence[keras.Layer], path: str | Path, exclude: Sequence[str] = ()) -> None:
    """Fill `layers` from the file, all but those named in `exclude`; nothing is changed on an error.

    Raises:
        WeightsError: a layer is missing, left over or of another shape, or `exclude` names one that neither
            the network nor the file has.
    """
    stored = read_weights(path)
    known = {layer.name for layer in layers} | set(stored) | set(WITHOUT_WEIGHTS)
    unknown = [name for name in exclude if name not in known]
    if unknown:
        raise WeightsError(
            f"no layer to exclude is called {_some(unknown)}: correct the name; those that follow the "
            f"number of classes are {', '.join(CLASS_LAYERS)}"
        )
    wanted = {layer.name: layer for layer in layers if layer.name not in exclude}
    problems = _problems(wanted, {name: stored[name] for name in stored if name not in exclude})
    if problems:
        raise WeightsError(f"{Path(path).name} does not fit this network. " + " ".join(problems))
    for name, layer in wanted.items():
        for variable in layer.weights:
            variable.assign(stored[name][variable.name].reshape(variable.shape))


def save_weights(layers: Sequence[keras.Layer], path: str | Path) -> None:
    """Write `layers` by name, as `read_weights` reads them; the file appears whole or not at all."""
    temporary = Path(f"{path}.part")
    with h5py.File(temporary, "w") as file:
        for layer in layers:
            for variable in layer.weights:
                file[f"{layer.name}/{variable.name}:0"] = np.asarray(variable, np.float32)
    os.replace(temporary, path)


def _arrays(group: h5py.Group, prefix: str = "") -> Iterator[tuple[str, npt.NDArray]]:
    for name, item in group.items():
        if isinstance(item, h5py.Dataset):
            yield f"{prefix}{name}", item[()]
        else:
            yield from _arrays(item, f"{prefix}{name}/")


def _problems(wanted: Mapping[str, keras.Layer], stored: Mapping[str, LayerWeights]) -> list[str]:
    problems = []
    classes = _class_mismatch(wanted, stored)
    if classes:
        problems.append(classes)
    missing = [name for name in wanted if name not in stored]
    left_over = [name for name in stored if name not in wanted]
    misshapen = [
        f"{name}/{variable.name} is {_shape(stored[name].get(variable.name))}, not {tuple(variable.shape)}"
        for name, layer in wanted.items()
        if name in stored and not (classes and name in CLASS_LAYERS)
        for variable in layer.weights
        if not _fits(stored[name].get(variable.name), tuple(variable.shape))
    ]
    for heading, names in (("Missing", missing), ("Left over", left_over), ("Other shape", misshapen)):
        if names:
            problems.append(f"{heading}: {_some(names)}.")
    return problems


def _class_mismatch(wanted: Mapping[str, keras.Layer], stored: Mapping[str, LayerWeights]) -> str | None:
    name = CLASS_LAYERS[0]
    if name not in wanted or "bias" not in stored.get(name, {}):
        return None
    in_file, in_network = len(stored[name]["bias"]), wanted[name].units
    if in_file == in_network:
        return None
    return (
        f"It has {in_file} classes (background included), the network {in_network}: set "
        f"num_classes={in_file} to use it as it is, or keep your own classes with "
        f"exclude={list(CLASS_LAYERS)} and train the heads."
    )


def _fits(array: npt.NDArray | None, shape: tuple[int, ...]) -> bool:
    """Whether the array is of that shape, or is a whole-grid convolution for what is a dense layer here."""
    if array is None:
        return False
    if len(shape) == 2 and array.ndim == 4:
        return array.shape[-1] == shape[-1] and array.size == np.prod(shape)
    return array.shape == shape


def _shape(array: npt.NDArray | None) -> str:
    return "missing" if array is None else str(array.shape)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:NAMED_AT_MOST])
    rest = len(names) - NAMED_AT_MOST
    return f"{shown} and {rest} more" if rest > 0 else shown
