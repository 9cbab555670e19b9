"""Weight files of classifiers: published ones and our own, by layer name, with clear refusals."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from coloured_classes import TINY

from model.families.classifier.config import ClassifierConfig
from model.families.classifier.network import ClassifierNetwork
from model.families.classifier.weights import WeightsError, fill, network_in, read_weights, save_weights


@pytest.fixture(scope="module")
def network() -> ClassifierNetwork:
    return ClassifierNetwork(ClassifierConfig.from_json(TINY), 3)


def test_what_was_saved_is_read(network: ClassifierNetwork, tmp_path: Path) -> None:
    layers = [layer for layer in network.model.layers if layer.weights]
    save_weights(layers, tmp_path / "model.weights.h5")
    stored = read_weights(tmp_path / "model.weights.h5")

    assert network_in(stored) == "mobilenet"
    assert stored.keys() == {layer.name for layer in layers}
    np.testing.assert_array_equal(stored["logits"]["kernel"], network.model.get_layer("logits").kernel)


def test_the_published_squeezenet_fits_by_name(shared: Path) -> None:
    path = shared / "weights" / "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5"
    if not path.exists():
        pytest.skip(f"{path.name} is missing")
    network = ClassifierNetwork(ClassifierConfig(size=64), 2)
    fill(network.base, read_weights(path), path.name)

    with h5py.File(path) as file:
        expected = file["fire9/expand3x3/uniform25"][()]
    np.testing.assert_array_equal(network.model.get_layer("fire9_expand3x3").kernel, expected)


def test_the_published_mobilenet_fits_as_keras_itself_reads_it(shared: Path) -> None:
    path = shared / "weights" / "mobilenet_v1_0.75_224_notop.weights.h5"
    if not path.exists():
        pytest.skip(f"{path.name} is missing")
    network = ClassifierNetwork(ClassifierConfig(network="mobilenet", size=64), 2)
    fill(network.base, read_weights(path), path.name)
    expected = keras.applications.MobileNet((64, 64, 3), alpha=0.75, include_top=False, weights=None)
    expected.load_weights(path)

    for layer in network.base:
        for ours, theirs in zip(layer.weights, expected.get_layer(layer.name).weights, strict=True):
            np.testing.assert_array_equal(ours, theirs, err_msg=layer.name)


def _text(path: Path) -> None:
    path.write_text("<!DOCTYPE html><html>404</html>")


def _other_network(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["dense/kernel"] = np.zeros((2, 2), np.float32)


def _not_finite(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["conv_dw_1/kernel"] = np.full((3, 3, 24, 1), np.nan, np.float32)


def _cut_off(path: Path) -> None:
    _not_finite(path)
    path.write_bytes(path.read_bytes()[:600])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "there is no such weight file"),
        (Path.mkdir, "is a folder: give the weight file"),
        (_text, "is a web page, not a model"),
        (_other_network, r"neither SqueezeNet 1.1 nor MobileNet v1: its layers are dense"),
        (_not_finite, "not finite .* in conv_dw_1: the training diverged"),
        (_cut_off, "is damaged"),
    ],
)
def test_another_file_is_refused(make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    path = tmp_path / "some.h5"
    make(path)
    with pytest.raises(WeightsError, match=message):
        read_weights(path)


def test_weights_of_another_shape_are_refused_and_change_nothing(network: ClassifierNetwork) -> None:
    before = network.model.get_layer("conv1").kernel.numpy()
    stored = {layer.name: {v.name: np.zeros(v.shape) for v in layer.weights} for layer in network.base}
    stored["conv_pw_1"]["kernel"] = np.zeros((1, 1, 24, 64))
    del stored["conv1_bn"]

    with pytest.raises(
        WeightsError, match=r"Missing: conv1_bn\. Other shape: conv_pw_1/kernel is \(1, 1, 24, 64\)"
    ):
        fill(network.base, stored, "other.h5")
    np.testing.assert_array_equal(network.model.get_layer("conv1").kernel, before)
