"""A small network that was trained for two epochs, and one that detects with its weights."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import pytest
from discs import DiscsConfig, ToDetect, discs

import mrcnn.model as modellib


class Watch(keras.callbacks.Callback):
    """A user's callback: remembers the logs of each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs: dict[int, dict[str, float]] = {}

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.epochs[epoch] = dict(logs or {})


@dataclass
class Trained:
    """A model after `train`, shared: no test may change its weights.

    Attributes:
        before: the weights of two layers before training: one of the heads, one of the backbone.
    """

    model: modellib.MaskRCNN
    before: dict[str, np.ndarray]
    watch: Watch = field(default_factory=Watch)

    def kernel(self, layer: str) -> np.ndarray:
        return np.array(self.model.keras_model.get_layer(layer).kernel)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Trained for two epochs, heads only."""
    keras.utils.set_random_seed(3)
    model = modellib.MaskRCNN("training", DiscsConfig(), tmp_path_factory.mktemp("logs"))
    run = Trained(model, {})
    run.before = {name: run.kernel(name) for name in ("mrcnn_mask", "res4a_branch2a")}
    model.train(discs(), discs(2), 0.001, 2, "heads", custom_callbacks=[run.watch])
    return run


@pytest.fixture(scope="session")
def detector(trained: Trained) -> modellib.MaskRCNN:
    """Made to detect, with the trained weights; shared: no test may change its weights."""
    model = modellib.MaskRCNN("inference", ToDetect(), trained.model.model_dir)
    model.load_weights(model.find_last())
    return model


@pytest.fixture
def image() -> np.ndarray:
    return discs().load_image(0)


@pytest.fixture(scope="session")
def weight_file(trained: Trained) -> Path:
    return Path(trained.model.find_last())
