"""ImageNet: the published weights of SqueezeNet 1.1 and MobileNet v1, downloaded once."""

from __future__ import annotations

from pathlib import Path

import keras

from model.families.classifier.config import NetworkName
from model.families.classifier.weights import WeightsError

PUBLISHED: dict[NetworkName, tuple[str, str]] = {
    "squeezenet": (
        "https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0/",
        "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
    ),
    "mobilenet": (
        "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/",
        "mobilenet_7_5_224_tf_no_top.h5",
    ),
}
"""Network → the folder and the name of its weights: SqueezeNet's under the MIT licence, MobileNet's under
Apache-2.0."""


def published_weights(network: NetworkName) -> Path:
    """The file of the network's weights, downloaded to ~/.keras/models if it is missing.

    Raises:
        WeightsError: the download failed.
    """
    folder, name = PUBLISHED[network]
    try:
        return Path(keras.utils.get_file(name, folder + name, cache_subdir="models"))
    except Exception as error:  # Keras raises a plain Exception if the download fails
        raise WeightsError(
            f"the ImageNet weights of {network} cannot be downloaded ({error}): check the network and repeat "
            f"the command, or copy {folder}{name} to ~/.keras/models, or give a file with --weights FILE"
        ) from error
