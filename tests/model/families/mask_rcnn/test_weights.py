"""Weights go in and out by layer name, and a file that does not fit changes nothing."""

from __future__ import annotations

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from drawn_data import TINY
from keras import layers

from model.families.mask_rcnn.weights import (
    CLASS_LAYERS,
    WeightsError,
    load_weights,
    read_weights,
    save_weights,
)
from model.mrcnn import MaskRCNN

GRID, FEATURES, CLASSES = 3, 4, 2


def built_layers(classes: int = CLASSES) -> list[keras.Layer]:
    """A few layers of each sort that a network has, by Matterport's names, with random weights."""
    made = [
        (layers.Conv2D(5, 3, name="conv1"), (None, 8, 8, 3)),
        (layers.BatchNormalization(name="bn_conv1"), (None, 8, 8, 5)),
        (layers.Dense(6, name="mrcnn_class_conv1"), (None, GRID * GRID * FEATURES)),
        (layers.Dense(classes, name="mrcnn_class_logits"), (None, 6)),
        (layers.Dense(4 * classes, name="mrcnn_bbox_fc"), (None, 6)),
        (layers.Conv2D(classes, 1, name="mrcnn_mask"), (None, 8, 8, 5)),
    ]
    rng = np.random.default_rng(0)
    for layer, shape in made:
        layer.build(shape)
        layer.set_weights([rng.standard_normal(weight.shape) for weight in layer.weights])
    return [layer for layer, _ in made]


def values_of(network: list[keras.Layer]) -> dict[str, np.ndarray]:
    return {f"{layer.name}/{v.name}": np.asarray(v).copy() for layer in network for v in layer.weights}


def assert_same(ours: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert ours.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(ours[name], values, err_msg=name)


@pytest.fixture
def some() -> list[keras.Layer]:
    return built_layers()


@pytest.fixture
def file(tmp_path: Path, some: list[keras.Layer]) -> Path:
    """The weights of `some` layers, twice as large."""
    path = tmp_path / "some.h5"
    doubled = built_layers()
    for layer, original in zip(doubled, some, strict=True):
        layer.set_weights([2 * weight for weight in original.get_weights()])
    save_weights(doubled, path)
    return path


def test_what_is_saved_is_loaded(some: list[keras.Layer], file: Path) -> None:
    before = values_of(some)
    load_weights(some, file)
    assert_same(values_of(some), {name: 2 * values for name, values in before.items()})


def test_a_whole_network_survives_its_file_and_detects_the_same(tmp_path: Path, network: MaskRCNN) -> None:
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    save_weights(network.layers, tmp_path / "one.weights.h5")
    other = MaskRCNN(TINY)
    other.load_weights(tmp_path / "one.weights.h5")
    assert_same(values_of(other.layers), values_of(network.layers))
    found, expected = other.detect([image])[0], network.detect([image])[0]
    assert len(expected["rois"])
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_saving_leaves_no_part_behind(file: Path) -> None:
    assert [path.name for path in file.parent.iterdir()] == ["some.h5"]


def test_keras_2_groups_and_whole_grid_convolutions_load(some: list[keras.Layer], file: Path) -> None:
    """As Matterport's files are: nested groups, and 7 × 7 convolutions for what is dense here."""
    stored = {name: dict(arrays) for name, arrays in read_weights(file).items()}
    dense = stored["mrcnn_class_conv1"]["kernel"]
    stored["mrcnn_class_conv1"]["kernel"] = dense.reshape(GRID, GRID, FEATURES, 6)
    with h5py.File(file, "w") as rewritten:
        for name, arrays in stored.items():
            for variable, array in arrays.items():
                rewritten[f"some_model/{name}/{name}/{variable}:0"] = array
        rewritten.create_group("activation_1")  # Keras 2 writes one for every layer, weights or none
    load_weights(some, file)
    np.testing.assert_array_equal(values_of(some)["mrcnn_class_conv1/kernel"], dense)


def test_an_excluded_layer_stays_as_it_is(some: list[keras.Layer], file: Path) -> None:
    before = values_of(some)
    load_weights(some, file, exclude=["conv1"])
    expected = {n: v if n.startswith("conv1/") else 2 * v for n, v in before.items()}
    assert_same(values_of(some), expected)


def test_a_name_to_exclude_that_no_layer_has_is_refused(some: list[keras.Layer], file: Path) -> None:
    before = values_of(some)
    with pytest.raises(
        WeightsError, match=r"no layer to exclude is called mrcnn_logits, masks: .*mrcnn_mask"
    ):
        load_weights(some, file, exclude=["mrcnn_logits", "conv1", "masks"])
    assert_same(values_of(some), before)


def test_what_matterports_examples_exclude_may_be_excluded(some: list[keras.Layer], file: Path) -> None:
    load_weights(some, file, exclude=["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"])


def test_a_layer_of_the_file_alone_may_be_excluded(some: list[keras.Layer], file: Path) -> None:
    with h5py.File(file, "a") as opened:
        with_another_layer(opened)
    load_weights(some, file, exclude=["res2a_branch2a"])


def without_a_layer(file: h5py.File) -> None:
    del file["bn_conv1"]


def without_an_array(file: h5py.File) -> None:
    del file["conv1/bias:0"]


def with_another_layer(file: h5py.File) -> None:
    file["res2a_branch2a/kernel:0"] = np.zeros((1, 1, 3, 3))


def with_another_shape(file: h5py.File) -> None:
    del file["conv1/kernel:0"]
    file["conv1/kernel:0"] = np.zeros((7, 7, 3, 5))


def with_a_convolution_of_another_grid(file: h5py.File) -> None:
    del file["mrcnn_class_conv1/kernel:0"]
    file["mrcnn_class_conv1/kernel:0"] = np.zeros((2, 2, FEATURES, 6))


def with_an_array_of_no_layer(file: h5py.File) -> None:
    file["temperatures"] = np.zeros(3)


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (without_a_layer, "Missing: bn_conv1"),
        (without_an_array, r"conv1/bias is missing, not \(5,\)"),
        (with_another_layer, r"Left over: res2a_branch2a\. .*--exclude res2a_branch2a"),
        (with_another_shape, r"conv1/kernel is \(7, 7, 3, 5\), not \(3, 3, 3, 5\)"),
        (with_a_convolution_of_another_grid, r"mrcnn_class_conv1/kernel is \(2, 2, 4, 6\), not \(36, 6\)"),
        (with_an_array_of_no_layer, "Left over: temperatures"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_and_changes_nothing(
    some: list[keras.Layer], file: Path, damage, told: str
) -> None:
    with h5py.File(file, "a") as opened:
        damage(opened)
    before = values_of(some)
    with pytest.raises(WeightsError, match=told):
        load_weights(some, file)
    assert_same(values_of(some), before)


def test_another_number_of_classes_is_refused_with_both_ways_out(file: Path) -> None:
    other = built_layers(classes=7)
    before = values_of(other)
    with pytest.raises(WeightsError) as refused:
        load_weights(other, file)
    assert f"has {CLASSES} classes" in str(refused.value)
    assert f"num_classes={CLASSES}" in str(refused.value)
    assert f"exclude={list(CLASS_LAYERS)}" in str(refused.value)
    assert "Other shape" not in str(refused.value)  # of the class layers, which would only repeat it
    assert_same(values_of(other), before)
    load_weights(other, file, exclude=CLASS_LAYERS)


def test_a_model_in_the_file_may_be_excluded_by_name_as_in_matterports_library(
    some: list[keras.Layer], file: Path
) -> None:
    with h5py.File(file, "a") as opened:
        opened.move("conv1", "stem/conv1")
        opened.move("bn_conv1", "stem/bn_conv1")
    before = values_of(some)

    load_weights(some, file, exclude=["stem"])

    for name, values in values_of(some).items():
        stayed = name.startswith(("conv1/", "bn_conv1/"))
        np.testing.assert_array_equal(values, before[name] if stayed else 2 * before[name])


def test_a_long_list_of_layers_is_cut_short(some: list[keras.Layer], file: Path) -> None:
    with h5py.File(file, "a") as opened:
        for index in range(20):
            opened[f"extra{index:02}/kernel:0"] = np.zeros(1)
    with pytest.raises(WeightsError, match="extra07 and 12 more"):
        load_weights(some, file)


def test_a_file_that_is_none_is_refused(some: list[keras.Layer], tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"gone.h5: there is no such file"):
        load_weights(some, tmp_path / "gone.h5")
    (tmp_path / "note.h5").write_text("weights are in the other folder")
    with pytest.raises(WeightsError, match=r"note.h5 is not a weight file: HDF5 \(.h5\) was expected"):
        load_weights(some, tmp_path / "note.h5")


def test_a_half_downloaded_file_is_refused(some: list[keras.Layer], file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(WeightsError, match="cut off"):
        load_weights(some, file)
