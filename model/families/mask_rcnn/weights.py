"""Weights: loads Matterport's and this project's weight files into Keras layers by name, and saves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.weight_files import CLASS_LAYERS as CLASS_LAYERS
from model.families.mask_rcnn.weight_files import LayerWeights as LayerWeights
from model.families.mask_rcnn.weight_files import WeightsError as WeightsError
from model.families.mask_rcnn.weight_files import by_name, stored_layers
from model.families.mask_rcnn.weight_files import read_weights as read_weights
from model.files.whole_files import whole_file
from model.storage.problems import NAMED_AT_MOST, some

if TYPE_CHECKING:
    import keras


def load_weights(layers: Sequence[keras.Layer], path: str | Path, exclude: Sequence[str] = ()) -> None:
    """Fill `layers` from the file, except those that `exclude` names; on an error nothing is changed.

    Args:
        layers: of the network.
        path: of the file.
        exclude: names of layers, or of models in the file, to ignore.

    Raises:
        WeightsError: a layer is missing, left over or of another shape, or `exclude` has a name that
            neither the network nor the file has.
    """
    in_file = stored_layers(path)
    stored = by_name(in_file, exclude, Path(path).name)
    passed_over = {*exclude, *(layer.name for layer in in_file if layer.name not in stored)}
    fill([layer for layer in layers if layer.name not in passed_over], stored, Path(path).name)


def fill(layers: Sequence[keras.Layer], stored: Mapping[str, LayerWeights], file_name: str) -> None:
    """Fill `layers` with everything `stored` in a file of that name; on an error nothing is changed.

    Raises:
        WeightsError: a layer is missing, left over or of another shape.
    """
    wanted = {layer.name: layer for layer in layers}
    problems = []
    if classes := _other_classes(wanted, stored):
        problems.append(
            f"It has {classes[0]} classes (including the background), but the network has {classes[1]}: set "
            f"num_classes={classes[0]} (NUM_CLASSES in mrcnn's Config) to use the file unchanged, or keep "
            f"your own classes with exclude={list(CLASS_LAYERS)} (--exclude {','.join(CLASS_LAYERS)}) and "
            "train the heads."
        )
    missing = [name for name in wanted if name not in stored]
    left_over = [name for name in stored if name not in wanted]
    misshapen = _misshapen(wanted, stored, but=CLASS_LAYERS if classes else ())
    for heading, names in (("Missing", missing), ("Left over", left_over), ("Other shape", misshapen)):
        if names:
            problems.append(f"{heading}: {some(names)}.")
    if problems and not (missing or misshapen or classes):
        words = ",".join(left_over) if len(left_over) <= NAMED_AT_MOST else "LAYERS"
        problems.append(f"If these layers are not part of the network, exclude them (--exclude {words}).")
    if problems:
        raise WeightsError(f"{file_name} does not fit this network. " + " ".join(problems))
    _assign(wanted, stored)


def save_weights(layers: Sequence[keras.Layer], path: str | Path) -> None:
    """Write `layers` by name for `read_weights`; the file is written completely or not at all."""
    with whole_file(Path(path)) as part, h5py.File(part, "w") as file:
        for layer in layers:
            for variable in layer.weights:
                file[f"{layer.name}/{variable.name}:0"] = np.asarray(variable, np.float32)


def _other_classes(
    wanted: Mapping[str, keras.Layer], stored: Mapping[str, LayerWeights]
) -> tuple[int, int] | None:
    """The numbers of classes, including the background, of the file and the network; None if equal."""
    name = CLASS_LAYERS[0]
    if name not in wanted or "bias" not in stored.get(name, {}):
        return None
    in_file, in_network = len(stored[name]["bias"]), wanted[name].units
    return None if in_file == in_network else (in_file, in_network)


def _misshapen(
    wanted: Mapping[str, keras.Layer], stored: Mapping[str, LayerWeights], but: Sequence[str] = ()
) -> list[str]:
    """The variables, in layers that both have, that the file lacks or has in another shape."""
    return [
        f"{name}/{variable.name} is {_shape(stored[name].get(variable.name))}, not {tuple(variable.shape)}"
        for name, layer in wanted.items()
        if name in stored and name not in but
        for variable in layer.weights
        if not _fits(stored[name].get(variable.name), tuple(variable.shape))
    ]


def _assign(wanted: Mapping[str, keras.Layer], stored: Mapping[str, LayerWeights]) -> None:
    for name, layer in wanted.items():
        for variable in layer.weights:
            variable.assign(stored[name][variable.name].reshape(variable.shape))


def _fits(array: npt.NDArray | None, shape: tuple[int, ...]) -> bool:
    """Whether the array has that shape, or is a convolution over the whole grid for a dense layer."""
    if array is None:
        return False
    if len(shape) == 2 and array.ndim == 4:
        return array.shape[-1] == shape[-1] and array.size == np.prod(shape)
    return array.shape == shape


def _shape(array: npt.NDArray | None) -> str:
    return "missing" if array is None else str(array.shape)
