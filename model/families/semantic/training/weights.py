"""The weights of a U-Net in a file, by the names of its layers, with a description of the network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import numpy.typing as npt

from model.files.whole_files import whole_file
from model.storage.problems import some

LAST_LAYER = "logits"
DESCRIPTION = "description"
"""The file's attribute with a JSON of the network's config and classes."""


class WeightsError(ValueError):
    """A file of weights cannot be used; the message says why and what would fit."""


@dataclass(frozen=True)
class Stored:
    """The content of a file of weights.

    Attributes:
        arrays: float32, by "LAYER/VARIABLE".
        config: of the network, as `NetworkConfig.to_json` gives it; empty if the file is not one of ours.
        classes: the names of its classes, the background first; empty if the file is not one of ours.
    """

    arrays: Mapping[str, npt.NDArray[np.float32]]
    config: Mapping[str, Any] = field(default_factory=dict)
    classes: tuple[str, ...] = ()


def save_weights(network: keras.Model, path: Path, config: Mapping[str, Any], classes: Sequence[str]) -> None:
    """Write all weights as float32, and what the network is; the file is written whole or not at all."""
    with whole_file(path) as part, h5py.File(part, "w") as file:
        file.attrs[DESCRIPTION] = json.dumps({"config": dict(config), "classes": list(classes)})
        for layer in network.layers:
            for variable in layer.weights:
                values = keras.ops.convert_to_numpy(variable).astype(np.float32)
                file[f"{layer.name}/{variable.name}"] = values


def read_weights(path: Path) -> Stored:
    """What `save_weights` wrote; of other HDF5 files, the arrays that lie in the same places, if any.

    Raises:
        WeightsError: there is no such file, or it is damaged, or it is not HDF5.
    """
    if not path.is_file():
        raise WeightsError(f"{path} does not exist")
    arrays = {}
    try:
        with h5py.File(path) as file:
            described = json.loads(file.attrs.get(DESCRIPTION, "{}"))
            for layer, group in file.items():
                for name, values in group.items() if isinstance(group, h5py.Group) else ():
                    if isinstance(values, h5py.Dataset):
                        arrays[f"{layer}/{name}"] = np.asarray(values, np.float32)
    except (OSError, RuntimeError, ValueError, TypeError) as error:
        raise WeightsError(f"{path} is damaged, or is not an HDF5 file of weights ({error})") from None
    return Stored(arrays, described.get("config", {}), tuple(described.get("classes", ())))


def fill(network: keras.Model, stored: Stored, name: str) -> bool:
    """Fill a network with stored weights; return whether the last layer could be filled too.

    It cannot if the file is of another number of classes.

    Raises:
        WeightsError: the file is of another network; the message, which starts with `name`, says where they
            differ.
    """
    complete, misfits = True, []
    for layer in network.layers:
        for variable in layer.weights:
            values = stored.arrays.get(f"{layer.name}/{variable.name}")
            if values is not None and values.shape == tuple(variable.shape):
                variable.assign(values)
            elif layer.name == LAST_LAYER and values is not None:
                complete = False
            else:
                found = "is missing" if values is None else f"is {values.shape}"
                misfits.append(f"{layer.name}/{variable.name} {found}, not {tuple(variable.shape)}")
    if misfits:
        raise WeightsError(
            f"{name} holds the weights of another network: {some(misfits)}. Leave encoder, depth, "
            "base_width, norm and channels as they were when it was trained, or start from other weights"
        )
    return complete
