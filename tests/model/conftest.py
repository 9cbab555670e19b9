"""A model small enough for tests: three classes, random weights, and it finds twenty objects in noise."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tiny_model import TINY

from model import catalog
from model.commands import lean_keras
from model.data import DataSet, Sample
from model.families.mask_rcnn.config import Config
from model.publishing import exporting, gauge, publish
from model.segmenter import Segmenter, load
from model.storage.manifest import Bundle
from model.storage.writing import write_manifest

lean_keras.import_lean()  # as `python -m model` does: it saves each process seconds


@pytest.fixture(scope="session")
def tiny_manifest() -> dict[str, Any]:
    """What `write_manifest` needs to make the tiny model a bundle."""
    defaults = Config().to_json()
    return {
        "name": "tiny",
        "version": "1",
        "task": "instance",
        "classes": ["background", "cell", "fibre", "spot"],
        "licence": "CC0-1.0",
        "source": "random numbers",
        "threshold": 0.0,
        "max_segments": 20,
        "config": {name: value for name, value in TINY.to_json().items() if value != defaults[name]},
        "weights": "model.weights.h5",
    }


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of the tiny model, random but for what makes scores differ and boxes stay near anchors."""
    import keras

    from model.families.mask_rcnn.backbones import SMALL_STAGE_WIDTHS
    from model.families.mask_rcnn.network import MaskRCNN
    from model.families.mask_rcnn.weights import save_weights

    keras.utils.set_random_seed(1)
    network = MaskRCNN(TINY)
    layer_of = {layer.name: layer for layer in network.layers}
    layer_of["bn_conv1"].moving_variance.assign(np.full(SMALL_STAGE_WIDTHS[0], 1e4))
    for name, factor in {"rpn_bbox_pred": 0.05, "mrcnn_bbox_fc": 0.05, "mrcnn_class_logits": 0.1}.items():
        layer_of[name].kernel.assign(layer_of[name].kernel * factor)
    layer_of["mrcnn_class_logits"].bias.assign([-2.0, 0.0, 0.0, 0.0])
    layer_of["mrcnn_mask"].bias.assign(np.ones(4))
    path = tmp_path_factory.mktemp("tiny") / "model.weights.h5"
    save_weights(network.layers, path)
    return path


@pytest.fixture(scope="session")
def session_model_dir(
    tmp_path_factory: pytest.TempPathFactory, tiny_weights: Path, tiny_manifest: dict[str, Any]
) -> Path:
    """A MASKSERVE_MODEL_DIR with the bundle `tiny`; read it, change nothing in it."""
    root = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKSERVE_MODEL_DIR", str(root))
        with catalog.new_bundle("tiny") as folder:
            shutil.copy(tiny_weights, folder)
            write_manifest(folder, tiny_manifest)
    return root


@pytest.fixture(scope="session")
def tiny_segmenter(session_model_dir: Path) -> Segmenter:
    """The tiny model, loaded."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKSERVE_MODEL_DIR", str(session_model_dir))
        return load("tiny")


@pytest.fixture
def model_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty MASKSERVE_MODEL_DIR, with nothing shipped beside it."""
    root = tmp_path / "models"
    root.mkdir()
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(root))
    monkeypatch.setattr(catalog, "SHIPPED", tmp_path / "nothing-shipped")
    return root


@pytest.fixture
def tiny_bundle(model_dir: Path, session_model_dir: Path) -> Bundle:
    """A copy of the bundle `tiny` in `model_dir`, to change."""
    shutil.copytree(session_model_dir / "tiny", model_dir / "tiny")
    return catalog.find("tiny")


@pytest.fixture
def uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """New models get no compiled stages and no self-test, which take seconds and have tests of their own."""
    monkeypatch.setattr(publish, "_complete", lambda reference, sample: [])


@pytest.fixture(scope="session")
def noise() -> Callable[..., npt.NDArray[np.uint8]]:
    """Makes pictures (height, width, 3) of coloured squares of 8 pixels, each seed another."""

    def make(width: int, height: int, seed: int = 0) -> npt.NDArray[np.uint8]:
        shape = (-(-height // 8), -(-width // 8), 3)
        squares = np.random.default_rng(seed).integers(0, 255, shape, np.uint8)
        return squares.repeat(8, axis=0).repeat(8, axis=1)[:height, :width]

    return make


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of large files beside the repository."""
    folder = Path(__file__).parents[3] / "shared"
    if not folder.is_dir():
        pytest.skip(f"{folder} is missing: it holds files too large for the repository")
    return folder


@pytest.fixture
def untraced() -> Iterator[None]:
    """TensorFlow runs a training step as it is written: to trace one takes as long as a dozen of them."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training leaves an empty file instead of a picture of its losses, which takes half a second to draw."""
    from model.training.history import History

    monkeypatch.setattr(History, "draw", lambda history, path: path.write_bytes(b""))


class Pictures:
    """Pictures of noise in which nothing is known to be."""

    classes = ["background", "cell", "fibre", "spot"]  # noqa: RUF012 - as DataSet has it

    def __init__(self, images: list[npt.NDArray[np.uint8]]) -> None:
        self.images = images
        self.ids = [str(index) for index in range(len(images))]
        self.kinds: list[str | None] = [None] * len(images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        nothing = np.zeros((0, 4), np.int32), np.zeros(0, np.int32)
        return Sample(self.ids[index], self.images[index], *nothing, [])


@pytest.fixture(scope="session")
def noise_pictures(noise: Callable[..., npt.NDArray[np.uint8]]) -> DataSet:
    return Pictures([noise(96, 64 + 8 * seed, seed) for seed in range(8)])


@pytest.fixture(scope="session")
def exported_model_dir(
    tmp_path_factory: pytest.TempPathFactory, session_model_dir: Path, noise_pictures: DataSet
) -> Path:
    """A MASKSERVE_MODEL_DIR with the bundle `tiny` in f32 and int8; read it, change nothing in it.

    All processes of a test run share one, since it takes eight seconds to make.
    """
    own = tmp_path_factory.getbasetemp()
    root = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "exported"
    with root.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            _export(session_model_dir, noise_pictures, tmp_path_factory.mktemp("exporting")).rename(root)
    return root


def _export(model_dir: Path, pictures: DataSet, root: Path) -> Path:
    shutil.copytree(model_dir / "tiny", root / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKSERVE_MODEL_DIR", str(root))
        # Random weights: scores tie, and any rounding changes which twenty are the best.
        for precision in gauge.LARGEST_DISAGREEMENT:
            patch.setitem(gauge.LARGEST_DISAGREEMENT, precision, 1.0)
        exporting.export("tiny", ["int8"], pictures)
    return root


@pytest.fixture
def exported(exported_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the exported bundle; `load` finds it."""
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(exported_model_dir))
    return exported_model_dir / "tiny"
