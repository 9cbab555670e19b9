"""Weights load completely, or say what did not."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import Trained
from discs import ToDetect

import mrcnn.model as modellib
from model.families.mask_rcnn.weight_files import WeightsError
from mrcnn.weights.loading import PartlyLoaded

CLASS_LAYERS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_mask"]


@pytest.fixture(scope="module")
def model(trained: Trained) -> modellib.MaskRCNN:
    return modellib.MaskRCNN("inference", ToDetect(), trained.model.model_dir)


@pytest.fixture(autouse=True)
def start_from_zero(model: modellib.MaskRCNN) -> None:
    """Every weight is 0, which no file has."""
    for layer in model.get_trainable_layers():
        layer.set_weights([np.zeros_like(array) for array in layer.get_weights()])


def kernel(model: modellib.MaskRCNN, layer: str) -> np.ndarray:
    return np.array(model.keras_model.get_layer(layer).kernel)


Change = Callable[[h5py.File], None]


@pytest.fixture
def changed(weight_file: Path, tmp_path: Path) -> Callable[[Change], Path]:
    def change(how: Change) -> Path:
        path = tmp_path / "changed.h5"
        shutil.copyfile(weight_file, path)
        with h5py.File(path, "r+") as file:
            how(file)
        return path

    return change


@pytest.mark.parametrize("by_name", [True, False])
def test_a_whole_file_fills_every_layer_without_a_warning(
    model: modellib.MaskRCNN, trained: Trained, weight_file: Path, by_name: bool
) -> None:
    with warnings.catch_warnings(action="error"):
        model.load_weights(str(weight_file), by_name=by_name)
    for layer in trained.model.get_trainable_layers():
        for ours, theirs in zip(
            model.keras_model.get_layer(layer.name).get_weights(), layer.get_weights(), strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)


def test_excluded_layers_stay_as_they_are_and_are_named(model: modellib.MaskRCNN, weight_file: Path) -> None:
    model.load_weights(weight_file, by_name=True, exclude=[*CLASS_LAYERS, "mrcnn_bbox"])
    assert not kernel(model, "mrcnn_mask").any()
    assert kernel(model, "mrcnn_mask_conv1").any()


def test_the_model_within_the_librarys_model_can_be_excluded(
    model: modellib.MaskRCNN, weight_file: Path
) -> None:
    model.load_weights(weight_file, by_name=True, exclude=["rpn_model"])
    assert not kernel(model, "rpn_class_raw").any()
    assert kernel(model, "fpn_p2").any()


def test_heads_of_other_classes_say_what_to_exclude(weight_file: Path, tmp_path: Path) -> None:
    class Five(ToDetect):
        NUM_CLASSES = 5

    other = modellib.MaskRCNN("inference", Five(), tmp_path)
    with pytest.raises(WeightsError, match=r"3 classes .* has 5.*exclude=\['mrcnn_class_logits'"):
        other.load_weights(weight_file, by_name=True)
    other.load_weights(weight_file, by_name=True, exclude=CLASS_LAYERS)
    assert kernel(other, "fpn_p2").any()


def test_a_layer_that_the_file_lacks_is_named_in_a_warning(
    model: modellib.MaskRCNN, changed: Callable[[Change], Path]
) -> None:
    path = changed(lambda file: file.__delitem__("mrcnn_mask_conv2"))
    with pytest.warns(PartlyLoaded, match=r"fills \d+ of \d+ layers.*mrcnn_mask_conv2"):
        model.load_weights(path, by_name=True)
    with pytest.raises(WeightsError, match="Missing: mrcnn_mask_conv2"):
        model.load_weights(path)


def test_a_layer_that_only_the_file_has_is_named_in_a_warning(
    model: modellib.MaskRCNN, changed: Callable[[Change], Path]
) -> None:
    path = changed(lambda file: file.__setitem__("my_own_layer/my_own_layer/kernel:0", np.ones((2, 2))))
    with pytest.warns(PartlyLoaded, match="does not have these layers of the file: my_own_layer"):
        model.load_weights(path, by_name=True)


def test_a_backbone_alone_fills_the_backbone(
    model: modellib.MaskRCNN, changed: Callable[[Change], Path]
) -> None:
    def only_the_backbone(file: h5py.File) -> None:
        for name in list(file):
            if name.startswith(("fpn", "rpn", "mrcnn")):
                del file[name]

    with pytest.warns(PartlyLoaded, match="It is a backbone"):
        model.load_weights(changed(only_the_backbone), by_name=True)
    assert kernel(model, "conv1").any()


def test_a_file_with_nothing_in_common_is_an_error(model: modellib.MaskRCNN, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["dense_1/dense_1/kernel:0"] = np.ones((2, 2), np.float32)
    with pytest.raises(WeightsError, match=r"none of the network's layers, so nothing was changed.*dense_1"):
        model.load_weights(tmp_path / "other.h5", by_name=True)


def test_a_whole_model_with_its_optimizer_loads(
    model: modellib.MaskRCNN, weight_file: Path, tmp_path: Path
) -> None:
    with h5py.File(weight_file) as old, h5py.File(tmp_path / "whole.h5", "w") as new:
        new.create_group("model_weights")
        for name in old:
            old.copy(name, new["model_weights"])
        new["optimizer_weights/SGD/momentum:0"] = np.zeros(3)
    model.load_weights(tmp_path / "whole.h5", by_name=True)
    assert kernel(model, "fpn_p2").any()


def test_weights_in_16_bits_load(model: modellib.MaskRCNN, changed: Callable[[Change], Path]) -> None:
    def halve(file: h5py.File) -> None:
        array = file["fpn_p2/fpn_p2/kernel:0"][()]
        del file["fpn_p2/fpn_p2/kernel:0"]
        file["fpn_p2/fpn_p2/kernel:0"] = array.astype(np.float16)

    model.load_weights(changed(halve))
    assert kernel(model, "fpn_p2").any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda model, path: model.load_weights("/"), r"find_last\(\) returns the path itself"),
        (lambda model, path: model.load_weights("l"), r"find_last\(\) returns the path itself"),
        (lambda model, path: model.load_weights(None), "got None instead of a path"),
        (lambda model, path: model.load_weights(path.parent / "absent.h5"), "there is no such file"),
        (
            lambda model, path: model.load_weights(path, exclude="mrcnn_mask"),
            r"give a list.*\['mrcnn_mask'\]",
        ),
        (
            lambda model, path: model.load_weights(path, exclude=["mrcnn_maks"]),
            "no layer to exclude is called",
        ),
    ],
)
def test_a_wrong_call_says_what_would_be_right(
    model: modellib.MaskRCNN, weight_file: Path, call: Callable, message: str
) -> None:
    with pytest.raises(WeightsError, match=message):
        call(model, weight_file)
    assert not kernel(model, "fpn_p2").any(), "an error must change nothing"


def test_weights_go_there_and_back(model: modellib.MaskRCNN, weight_file: Path, tmp_path: Path) -> None:
    model.keras_model.load_weights(str(weight_file))
    model.keras_model.save_weights(str(tmp_path / "again.h5"))
    with h5py.File(weight_file) as old, h5py.File(tmp_path / "again.h5") as new:
        name = "mrcnn_class_conv1/mrcnn_class_conv1/kernel:0"
        assert new[name].shape == (7, 7, 16, 16), "the library's own: a convolution over the grid"
        np.testing.assert_array_equal(new[name][()], old[name][()])
    with pytest.raises(FileExistsError):
        model.keras_model.save_weights(tmp_path / "again.h5", overwrite=False)
    with pytest.raises(NotImplementedError, match="save_weights"):
        model.keras_model.save(tmp_path / "whole.h5")
