"""ImageNet: the trained ResNets that Keras publishes, as backbones."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

import keras
import numpy as np
import numpy.typing as npt
from keras.applications import ResNet50, ResNet101

from model.families.mask_rcnn.weights import WeightsError

PUBLISHED = {"resnet50": ResNet50, "resnet101": ResNet101}
URL = "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
FILE = "_weights_tf_dim_ordering_tf_kernels_notop.h5"
"""The end of Keras' file names for the weights of a ResNet, after the name of the backbone."""
BRANCHES = ("1", "2a", "2b", "2c")
"""Caffe's and Matterport's names of the branches that Keras numbers from 0."""


def load_imagenet(layers: Sequence[keras.Layer], backbone: str, exclude: Collection[str] = ()) -> None:
    """Fill the layers of a backbone, except those named in `exclude`, with weights trained on ImageNet.

    Raises WeightsError as `published_weights` does.
    """
    stored = published_weights(backbone)
    for layer in layers:
        if layer.name in stored and layer.name not in exclude:
            for variable in layer.weights:
                variable.assign(stored[layer.name][variable.name])


def published_weights(backbone: str) -> dict[str, Mapping[str, npt.NDArray]]:
    """The weights of a backbone trained on ImageNet, see `weights_of`.

    Keras downloads them once, to ~/.keras/models.

    Raises:
        WeightsError: there are no weights for the backbone, or they cannot be downloaded.
    """
    if backbone not in PUBLISHED:
        raise WeightsError(
            f"there are no ImageNet weights for {backbone}: choose --backbone {' or '.join(PUBLISHED)}, or "
            "omit --weights"
        )
    try:
        published = PUBLISHED[backbone](include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a plain Exception if the download fails
        raise WeightsError(
            f"the ImageNet weights of {backbone} cannot be downloaded ({error}): check the network and "
            f"repeat the command, or copy {URL}{backbone}{FILE} to ~/.keras/models. If Matterport's library "
            "left a file of that name there, it is a different one: load it as a weight file instead"
        ) from error
    return weights_of(published)


def weights_of(published: keras.Model) -> dict[str, Mapping[str, npt.NDArray]]:
    """The arrays of a ResNet of `keras.applications` by Matterport's layer names, converted for our network.

    Two differences are corrected. Keras' network takes BGR pictures, as Caffe did, and ours RGB; and its
    batch norm adds 1.001e-5 to the variance where ours adds 1e-3, for which the scale compensates.
    """
    stored: dict[str, Mapping[str, npt.NDArray]] = {}
    for layer in published.layers:
        if not layer.weights:
            continue
        arrays = {variable.name: np.asarray(variable) for variable in layer.weights}
        if isinstance(layer, keras.layers.BatchNormalization):
            ours = keras.layers.BatchNormalization().epsilon
            variance = arrays["moving_variance"]
            arrays["gamma"] = arrays["gamma"] * np.sqrt((variance + ours) / (variance + layer.epsilon))
        name = _our_name(layer.name)
        if name == "conv1":
            arrays["kernel"] = arrays["kernel"][:, :, ::-1]
        stored[name] = arrays
    return stored


def _our_name(name: str) -> str:
    """Matterport's name: "conv2_block1_0_conv" → "res2a_branch1", "conv2_block1_0_bn" → "bn2a_branch1"."""
    if name in ("conv1_conv", "conv1_bn"):
        return {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}[name]
    found = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    if found is None:
        raise WeightsError(f"unknown layer {name} in Keras' ResNet: this version does not support it")
    stage, block, branch, kind = found.groups()
    prefix = "res" if kind == "conv" else "bn"
    return f"{prefix}{stage}{chr(ord('a') + int(block) - 1)}_branch{BRANCHES[int(branch)]}"
