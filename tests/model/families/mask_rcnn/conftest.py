"""A network small enough to build in a second, and pictures with known objects."""

from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import pytest
from drawn_data import TINY, write_folder

from model.mrcnn import MaskRCNN


@pytest.fixture(scope="session")
def network() -> MaskRCNN:
    """Untrained, of `TINY`, but finding something; shared, so that no test may change its weights."""
    keras.utils.set_random_seed(5)
    network = MaskRCNN(TINY)
    # Without training nothing normalises the backbone, and answers in the thousands find nothing.
    for layer in network.layers:
        if layer.name.startswith("fpn_c"):
            layer.kernel.assign(layer.kernel * 1e-3)
    network.box_model.get_layer("mrcnn_class_logits").bias.assign([0.0, 2.0])
    return network


@pytest.fixture(scope="session")
def data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures of 96 x 80 pixels with discs, the last without any."""
    folder = tmp_path_factory.mktemp("drawn")
    write_folder(folder, discs_in_pictures=(3, 1, 5, 0))
    return folder
