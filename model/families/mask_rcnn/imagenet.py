"""ImageNet: Keras' own trained ResNets as backbones."""

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
"""What Keras calls the weights of a ResNet, behind the name of the backbone."""
BRANCHES = ("1", "2a", "2b", "2c")
"""As Caffe and Matterport call what Keras numbers from 0."""


def load_imagenet(layers: Sequence[keras.Layer], backbone: str, exclude: Collection[str] = ()) -> None:
    """Fill the layers of a backbone, all but those named in `exclude`, with weights trained on ImageNet.

    Keras downloads them once, to ~/.keras/models.

    Raises:
        WeightsError: there are none for the backbone, or they cannot be downloaded.
    """
    if backbone not in PUBLISHED:
        raise WeightsError(
            f"there are no ImageNet weights for {backbone}: choose --backbone {' or '.join(PUBLISHED)}, or "
            "leave --weights out"
        )
    try:
        published = PUBLISHED[backbone](include_top=False, weights="imagenet")
    except Exception as error:  # as Keras raises it where the download fails
        raise WeightsError(
            f"the ImageNet weights of {backbone} cannot be downloaded ({error}): check the network and "
            f"repeat the command, or copy {URL}{backbone}{FILE} to ~/.keras/models. A file of that name "
            "which Matterport's library left there is another: name it with --weights FILE"
        ) from error
    stored = weights_of(published)
    for layer in layers:
        if layer.name in stored and layer.name not in exclude:
            for variable in layer.weights:
                variable.assign(stored[layer.name][variable.name])


def weights_of(published: keras.Model) -> dict[str, Mapping[str, npt.NDArray]]:
    """The arrays of a ResNet of `keras.applications`, by Matterport's names of layers, for our arithmetic.

    Two things differ. It sees pictures as BGR, as Caffe did, where ours are RGB; and its batch norm adds
    1.001e-5 to the variance where ours adds 1e-3, which the scale makes up for.
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
    """Matterport's for "conv2_block1_0_conv" is "res2a_branch1", for "conv2_block1_0_bn" "bn2a_branch1"."""
    if name in ("conv1_conv", "conv1_bn"):
        return {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}[name]
    found = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    if found is None:
        raise WeightsError(f"Keras calls a layer of its ResNets {name}, which this version does not know")
    stage, block, branch, kind = found.groups()
    prefix = "res" if kind == "conv" else "bn"
    return f"{prefix}{stage}{chr(ord('a') + int(block) - 1)}_branch{BRANCHES[int(branch)]}"
