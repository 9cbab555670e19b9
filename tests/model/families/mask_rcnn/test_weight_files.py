"""Weight files as people have them give the same layers; what nobody should use is refused with a reason."""

from __future__ import annotations

import gzip
import lzma
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import h5py
import numpy as np
import pytest

from model.families.mask_rcnn.importing import shape_in
from model.families.mask_rcnn.weight_files import WeightsError, layer_names, read_weights

LAYERS = {
    "conv1": {"kernel": (7, 7, 3, 4), "bias": (4,)},
    "bn_conv1": {"gamma": (4,), "beta": (4,), "moving_mean": (4,), "moving_variance": (4,)},
    "rpn_conv_shared": {"kernel": (3, 3, 4, 5), "bias": (5,)},
    "rpn_class_raw": {"kernel": (1, 1, 5, 6), "bias": (6,)},
    "mrcnn_mask_conv1": {"kernel": (3, 3, 4, 4), "bias": (4,)},
    "mrcnn_mask_bn1": {"gamma": (4,), "beta": (4,), "moving_mean": (4,), "moving_variance": (4,)},
    "mrcnn_mask": {"kernel": (1, 1, 4, 2), "bias": (2,)},
}
"""A few layers of each kind that a Mask R-CNN has, and the shapes of their arrays."""

PathOf = Callable[[str, str], str]
"""From a layer and its variable to the array's path."""


def keras_2(layer: str, variable: str) -> str:
    """As the library itself saves: the RPN is a model of its own."""
    group = "rpn_model" if layer.startswith("rpn_") else layer
    return f"{group}/{layer}/{variable}:0"


def second_model_in_a_session(layer: str, variable: str) -> str:
    group = "rpn_model" if layer.startswith("rpn_") else layer
    return f"{group}/{layer}_1/{variable}:0"


def groups_numbered_too(layer: str, variable: str) -> str:
    group = "rpn_model_2" if layer.startswith("rpn_") else f"{layer}_2"
    return f"{group}/{layer}_2/{variable}:0"


def variables_numbered(layer: str, variable: str) -> str:
    return f"{layer}/{layer}/{variable}_3:0"


def inside_a_model(layer: str, variable: str) -> str:
    return f"mask_rcnn/{keras_2(layer, variable)}"


def inside_two_models(layer: str, variable: str) -> str:
    return f"model_1/mask_rcnn/{keras_2(layer, variable)}"


def prefixed_below(layer: str, variable: str) -> str:
    return f"{layer}/mrcnn/training/{layer}_1/{variable}:0"


def heads_in_a_model_named_like_a_layer(layer: str, variable: str) -> str:
    model = "mrcnn_mask/" if layer.startswith("mrcnn_mask") else ""
    return f"{model}{layer}/{variable}:0"


def wrapped_without_a_name(layer: str, variable: str) -> str:
    """TimeDistributed with the name, around a layer that got one of the session's, or of another layer."""
    below = {"mrcnn_mask_conv1": "conv2d_7", "mrcnn_mask_bn1": "bn_conv1", "mrcnn_mask": "conv1"}
    return f"{layer}/{below.get(layer, layer)}/{variable}:0"


def flat(layer: str, variable: str) -> str:
    return f"{layer}/{variable}:0"


def keras_3(layer: str, variable: str) -> str:
    return f"{layer}/{layer}/{variable}"


def keras_1(layer: str, variable: str) -> str:
    """As the ImageNet weights of ResNet-50 are, from which Matterport's examples start."""
    old = {"kernel": "W", "bias": "b", "moving_mean": "running_mean", "moving_variance": "running_std"}
    return f"{layer}/{layer}_{old.get(variable, variable)}_1:0"


LAYOUTS = [
    *(keras_2, second_model_in_a_session, groups_numbered_too, variables_numbered),
    *(inside_a_model, inside_two_models, prefixed_below, heads_in_a_model_named_like_a_layer),
    *(wrapped_without_a_name, flat, keras_3, keras_1),
]


def arrays() -> dict[str, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    return {
        layer: {name: rng.random(shape, np.float32) for name, shape in shapes.items()}
        for layer, shapes in LAYERS.items()
    }


def write(path: Path, path_of: PathOf = keras_2) -> Path:
    with h5py.File(path, "w") as file:
        for layer, variables in arrays().items():
            for variable, array in variables.items():
                file[path_of(layer, variable)] = array
        file.create_group("activation_1")  # Keras writes one for every layer, weights or none
    return path


def assert_as_written(found: Mapping[str, Mapping[str, np.ndarray]], without: str = "") -> None:
    expected = {name: variables for name, variables in arrays().items() if name != without}
    assert found.keys() == expected.keys()
    for layer, variables in expected.items():
        assert found[layer].keys() == variables.keys(), layer
        for name, array in variables.items():
            np.testing.assert_array_equal(found[layer][name], array, err_msg=f"{layer}/{name}")


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
@pytest.mark.parametrize("whole_model", [False, True], ids=["weights", "whole_model"])
def test_layers_are_found_however_the_session_nested_and_numbered_them(
    tmp_path: Path, layout: PathOf, whole_model: bool
) -> None:
    path = write(tmp_path / "some.h5")
    prefix = "model_weights/" if whole_model else ""
    write(path, lambda layer, variable: prefix + layout(layer, variable))

    assert_as_written(read_weights(path))
    assert {"conv1", "rpn_conv_shared", "mrcnn_mask"} <= set(layer_names(path))


def with_momentum_of_keras_2(file: h5py.File) -> None:
    file["optimizer_weights/SGD/iter:0"] = 7
    file["optimizer_weights/SGD/mrcnn_mask/kernel/momentum:0"] = np.ones((1, 1, 4, 2))
    file["optimizer_weights/training/SGD/Variable_1:0"] = np.ones(4)


def with_momentum_of_tensorflow_2_11(file: h5py.File) -> None:
    file["optimizer_weights/iteration:0"] = 7
    file["optimizer_weights/SGD/m/mrcnn_mask/kernel:0"] = np.ones((1, 1, 4, 2))
    file["optimizer_weights/SGD/m/mrcnn_mask/bias:0"] = np.full(2, np.nan)  # not the network's


@pytest.mark.parametrize("with_optimizer", [with_momentum_of_keras_2, with_momentum_of_tensorflow_2_11])
def test_of_a_whole_model_what_its_optimizer_remembers_is_not_read(
    tmp_path: Path, with_optimizer: Callable[[h5py.File], None]
) -> None:
    path = write(tmp_path / "whole.h5", lambda layer, name: f"model_weights/{keras_2(layer, name)}")
    with h5py.File(path, "a") as file:
        with_optimizer(file)

    assert_as_written(read_weights(path))


@pytest.mark.parametrize(
    "at", ["anchors/Variable:0", "anchors/anchors/Variable:0", "anchors_1/anchors_1:0", "mask_rcnn/anchors/x"]
)
def test_anchors_are_no_weights(tmp_path: Path, at: str) -> None:
    path = write(tmp_path / "fork.h5")
    with h5py.File(path, "a") as file:
        file[at] = np.zeros((1, 20, 4), np.float32)

    assert_as_written(read_weights(path))


def test_what_holds_no_numbers_or_leads_nowhere_or_in_circles_is_passed_over(tmp_path: Path) -> None:
    path = write(tmp_path / "odd.h5")
    with h5py.File(path, "a") as file:
        file["conv1/note"] = "made in 2018"
        file["broken"] = h5py.SoftLink("/nowhere")
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/conv1")
        file["conv1/circle"] = file["conv1"]

    assert_as_written(read_weights(path))


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("other_model/mrcnn_mask/kernel:0", "mrcnn_mask (mrcnn_mask and other_model/mrcnn_mask)"),
        ("mrcnn_mask_1/mrcnn_mask_1/kernel:0", "mrcnn_mask (mrcnn_mask and mrcnn_mask_1)"),
        ("mrcnn_mask/mrcnn_mask_1/kernel:0", "(mrcnn_mask/mrcnn_mask and mrcnn_mask/mrcnn_mask_1)"),
        ("mrcnn_mask/mrcnn_mask/kernel_1:0", "(mrcnn_mask/mrcnn_mask and mrcnn_mask/mrcnn_mask/kernel_1:0)"),
    ],
)
def test_two_layers_of_one_name_are_refused_and_one_of_them_can_be_passed_over(
    tmp_path: Path, second: str, told: str
) -> None:
    path = write(tmp_path / "two.h5")
    with h5py.File(path, "a") as file:
        file[second] = np.zeros((1, 1, 4, 2))

    with pytest.raises(
        WeightsError, match=f"two.h5 has several layers with the same name.*{re.escape(told)}"
    ):
        read_weights(path)

    assert_as_written(read_weights(path, exclude=[told.rpartition(" ")[2].strip(")")]))


def test_a_model_within_the_file_is_passed_over_by_its_name(tmp_path: Path) -> None:
    path = write(tmp_path / "two.h5")
    with h5py.File(path, "a") as file:
        for layer in LAYERS:
            file[f"teacher/{layer}/kernel:0"] = np.zeros(3)

    assert_as_written(read_weights(path, exclude=["teacher"]))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused_with_their_layers_named(tmp_path: Path, value: float) -> None:
    path = write(tmp_path / "diverged.h5")
    with h5py.File(path, "a") as file:
        file["mrcnn_mask/mrcnn_mask/bias:0"][1] = value
        file["rpn_model/rpn_class_raw/kernel:0"][0, 0, 2, 3] = value

    with pytest.raises(
        WeightsError, match=r"not finite.*Layers: mrcnn_mask, rpn_class_raw\. .*earlier epoch"
    ):
        read_weights(path)
    with pytest.raises(WeightsError, match=r"Layers: rpn_class_raw\. "):
        read_weights(path, exclude=["mrcnn_mask"])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_half_a_file_is_called_cut_off(tmp_path: Path, share: float) -> None:
    path = write(tmp_path / "half.h5")
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])

    told = f"half.h5 is cut off: it has {int(share * len(whole)):,} of its {len(whole):,} bytes"
    with pytest.raises(WeightsError, match=re.escape(told)):
        read_weights(path)


def test_a_file_with_a_hole_is_called_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "hole.h5")
    content = bytearray(path.read_bytes())
    content[200:-200] = bytes(len(content) - 400)  # as a download that was given its size beforehand
    path.write_bytes(content)

    with pytest.raises(WeightsError, match=r"hole.h5 is damaged inside .*copy or download it again"):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty: copy or download it again"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n", "is a Git LFS pointer"),
        (b"<!DOCTYPE html><title>Sign in</title>", "is a web page, not a model"),
        (b"\n<html><body>404</body></html>", "is a web page, not a model"),
        (gzip.compress(b"weights", mtime=0), "is compressed: decompress it first"),
        (lzma.compress(b"weights"), "is compressed: decompress it first"),
        (b"PK\3\4 and so on", "is not a weight file: HDF5 (.h5) was expected"),
        (b"some words", "is not a weight file: HDF5 (.h5) was expected"),
    ],
)
def test_a_file_of_another_kind_is_called_what_it_is(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "mask_rcnn.h5"
    path.write_bytes(content)

    with pytest.raises(WeightsError, match=re.escape(f"mask_rcnn.h5 {told}")) as refused:
        read_weights(path)
    assert "\n" not in str(refused.value)


def test_a_folder_and_a_file_that_is_not_there_are_called_so(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is a folder: give the weight file"):
        read_weights(tmp_path)
    with pytest.raises(WeightsError, match=r"gone.h5: there is no such file"):
        read_weights(tmp_path / "gone.h5")


def unpacked(shared: Path, name: str, folder: Path) -> Path:
    path = folder / name
    with lzma.open(shared / "cases" / "weights" / f"{name}.xz") as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    return path


@pytest.mark.parametrize(
    "name", ["whole_model_save.h5", "whole_model_tf211.h5", "tf2_const_layer_anchors.h5"]
)
def test_files_that_users_sent_are_a_whole_mask_rcnn(shared: Path, tmp_path: Path, name: str) -> None:
    stored = read_weights(unpacked(shared, name, tmp_path))

    shape = shape_in(stored, name)
    assert (shape["backbone"], shape["num_classes"], len(stored)) == ("resnet50", 4, 133)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("nan.h5", "not finite.*Layers: res4a_branch2a"),
        ("two_layers_one_name.h5", r"mrcnn_mask_conv1 \(mrcnn_mask_conv1 and other_model/mrcnn_mask_conv1\)"),
    ],
)
def test_files_that_users_sent_and_nobody_should_use_are_refused(
    shared: Path, tmp_path: Path, name: str, told: str
) -> None:
    with pytest.raises(WeightsError, match=told):
        read_weights(unpacked(shared, name, tmp_path))
