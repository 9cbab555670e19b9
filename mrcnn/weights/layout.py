"""The layout of the library's weight files: Keras 2's HDF5, in which it can read them itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
import numpy.typing as npt

from model.files.whole_files import whole_file

if TYPE_CHECKING:
    import keras

RPN_MODEL = "rpn_model"
RPN_LAYERS = ("rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred")
"""The layers of the library's model within the model."""
AFTER_THE_BACKBONE = (
    *("fpn_c5p5", "fpn_c4p4", "fpn_c3p3", "fpn_c2p2", "fpn_p5", "fpn_p2", "fpn_p3", "fpn_p4"),
    *RPN_LAYERS,
    *("mrcnn_class_conv1", "mrcnn_class_bn1", "mrcnn_class_conv2", "mrcnn_class_bn2"),
    *("mrcnn_class_logits", "mrcnn_bbox_fc"),
    *(f"mrcnn_mask_{kind}{index}" for index in (1, 2, 3, 4) for kind in ("conv", "bn")),
    *("mrcnn_mask_deconv", "mrcnn_mask"),
)
"""The library's order of layers, by which Keras 2 loads if it is not told `by_name`."""
KERAS_VERSION = "2.1.0"
"""Keras looks at the first figure, to know which conversions a file needs: none."""


def save(layers: Sequence[keras.Layer], path: Path, pool_size: int) -> None:
    """Write the weights of a network's layers; the file is written completely or not at all.

    `pool_size` is the network's: the library's first hidden layer of the box head is a convolution over the
    whole grid, ours the equivalent dense layer.
    """
    with whole_file(path) as part, h5py.File(part, "w") as file:
        names = []
        for group, members in _groups(layers):
            names.append(group)
            arrays = {
                f"{layer.name}/{variable.name}:0": _as_stored(layer.name, np.asarray(variable), pool_size)
                for layer in members
                for variable in layer.weights
            }
            there = file.create_group(group)
            there.attrs["weight_names"] = [name.encode() for name in arrays]
            for name, array in arrays.items():
                there[name] = array
        file.attrs["layer_names"] = [name.encode() for name in names]
        file.attrs["backend"] = b"tensorflow"
        file.attrs["keras_version"] = KERAS_VERSION.encode()


def _groups(layers: Sequence[keras.Layer]) -> Iterator[tuple[str, list[keras.Layer]]]:
    """The name of each group in the file, with its layers."""
    by_name = {layer.name: layer for layer in layers}
    backbone = [name for name in by_name if name not in AFTER_THE_BACKBONE]
    for name in (*backbone, *AFTER_THE_BACKBONE):
        if name == RPN_LAYERS[0]:
            yield RPN_MODEL, [by_name[part] for part in RPN_LAYERS]
        elif name not in RPN_LAYERS:
            yield name, [by_name[name]]


def _as_stored(layer: str, array: npt.NDArray, pool_size: int) -> npt.NDArray[np.float32]:
    array = array.astype(np.float32)
    if array.ndim == 2 and layer.startswith("mrcnn_class_conv"):
        side = pool_size if layer.endswith("1") else 1
        return array.reshape(side, side, -1, array.shape[-1])
    return array
