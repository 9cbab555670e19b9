"""ImageNet: a weight file for the backbone alone, under the library's layer names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np

from model.families.mask_rcnn.weight_files import WeightsError, layer_names
from model.files.whole_files import whole_file

if TYPE_CHECKING:
    from mrcnn.config import Config

THE_LIBRARYS_FILE = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
"""Keras publishes another file under this name today, with other layers."""


def imagenet_file(config: Config, folder: Path | None = None) -> Path:
    """The path of ImageNet weights for BACKBONE, in ~/.keras/models or `folder`.

    For ResNet-50, that is the file that the library downloaded, if it is still there. Otherwise it is made
    from the weights that Keras publishes, which are downloaded once.

    Raises:
        WeightsError: there are none for this backbone, or they cannot be downloaded.
    """
    folder = folder or Path.home() / ".keras" / "models"
    backbone = config.BACKBONE
    if not isinstance(backbone, str):
        raise WeightsError("there are no ImageNet weights for a BACKBONE that is a function: load your own")
    old = folder / THE_LIBRARYS_FILE
    if backbone == "resnet50" and old.is_file() and "res2a_branch2a" in layer_names(old):
        return old
    made = folder / f"mask_rcnn_{backbone}_imagenet.h5"
    if not made.is_file():
        _make(made, backbone)
    return made


def _make(path: Path, backbone: str) -> None:
    from model.families.mask_rcnn.imagenet import PUBLISHED, published_weights

    if backbone not in PUBLISHED:
        raise WeightsError(
            f"there are no ImageNet weights for BACKBONE {backbone!r}, only for {' and '.join(PUBLISHED)}: "
            "load others, or train from random ones"
        )
    stored = published_weights(backbone)
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as part, h5py.File(part, "w") as file:
        for layer, arrays in stored.items():
            for name, array in arrays.items():
                file[f"{layer}/{layer}/{name}:0"] = np.asarray(array, np.float32)
            file[layer].attrs["weight_names"] = [f"{layer}/{name}:0".encode() for name in arrays]
        file.attrs["layer_names"] = [name.encode() for name in stored]
