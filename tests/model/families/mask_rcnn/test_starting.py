"""What a training starts from: all that the weights have, and a sentence about the rest."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from drawn_data import TINY
from keras.applications import resnet as caffe
from keras.src.applications import resnet as keras_resnet
from keras.src.legacy.saving import legacy_h5_format

from model import catalog
from model.families.mask_rcnn import imagenet
from model.families.mask_rcnn.backbones import build_backbone
from model.families.mask_rcnn.imagenet import load_imagenet, weights_of
from model.families.mask_rcnn.starting import load_start, start_of
from model.families.mask_rcnn.weights import CLASS_LAYERS, WeightsError, read_weights, save_weights
from model.mrcnn import MaskRCNN
from model.storage.writing import write_manifest

# Keras turns TensorFlow's variables into arrays in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CLASSES = ["background", "disc"]
CAFFE_MEAN = (123.68, 116.779, 103.939)  # RGB, of which Matterport's is rounded
HEADS = "mrcnn_class_logits,mrcnn_bbox_fc,mrcnn_mask"


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory, network: MaskRCNN) -> Path:
    """The weights of the tiny network, which has one class."""
    path = tmp_path_factory.mktemp("start") / "tiny.h5"
    save_weights(network.layers, path)
    return path


@pytest.fixture(scope="module")
def fresh() -> MaskRCNN:
    """Another tiny network, to be filled."""
    keras.utils.set_random_seed(6)
    return MaskRCNN(TINY)


def without(file: Path, target: Path, *beginnings: str) -> Path:
    """A copy of the file in which layers are missing."""
    target.write_bytes(file.read_bytes())
    with h5py.File(target, "a") as stored:
        for name in [name for name in stored if name.startswith(beginnings)]:
            del stored[name]
    return target


def test_the_file_tells_the_network(file: Path) -> None:
    start = start_of(str(file), [], CLASSES, catalog.find)
    assert start.weights == str(file)
    assert {name: start.config[name] for name in ("backbone", "rpn_width", "top_down_pyramid_size")} == {
        "backbone": "resnet_small", "rpn_width": 16, "top_down_pyramid_size": 16,
    }  # fmt: skip


def test_a_path_is_kept_resolved(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert start_of(
        "../start0/tiny.h5".replace("start0", file.parent.name), [], CLASSES, catalog.find
    ).weights == str(file)


def test_another_number_of_classes_is_refused_with_what_leaves_the_heads_out(file: Path) -> None:
    three = [*CLASSES, "ring"]
    told = rf"tiny\.h5 has 2 classes .*, but the data has 3 \(background, disc, ring\): .* --exclude {HEADS}$"
    for exclude in ([], ["mrcnn_class_logits"]):
        with pytest.raises(WeightsError, match=told):
            start_of(str(file), exclude, three, catalog.find)
    assert start_of(str(file), HEADS.split(","), three, catalog.find).exclude == CLASS_LAYERS


def test_the_config_of_the_run_that_made_the_weights_is_taken_on(file: Path, tmp_path: Path) -> None:
    weights = tmp_path / "model.weights.h5"
    weights.write_bytes(file.read_bytes())
    asked = {"config": {"image_min_dim": 96, "backbone": "resnet50"}, "classes": ["background", "ring"]}
    (tmp_path / "run.json").write_text(json.dumps(asked))
    start = start_of(str(weights), [], CLASSES, catalog.find)
    assert (start.config["image_min_dim"], start.config["backbone"]) == (96, "resnet_small")
    assert "are taken from the run in" in start.notes[0]
    assert "classes are ring, the data's are disc: the heads start from the run's weights" in start.notes[1]
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(ValueError, match=r"run\.json is damaged .* or move model\.weights\.h5"):
        start_of(str(weights), [], CLASSES, catalog.find)


def test_what_the_file_lacks_starts_from_chance_and_is_named(
    file: Path, fresh: MaskRCNN, tmp_path: Path
) -> None:
    path = without(file, tmp_path / "part.h5", "mrcnn_mask")
    with h5py.File(path, "a") as stored:
        stored["dense_7/kernel:0"] = np.zeros(3)
    before = {layer.name: layer.get_weights() for layer in fresh.layers}
    notes = load_start(start_of(str(path), ["rpn_class_raw"], CLASSES, catalog.find), fresh, "heads")
    expected = read_weights(file)
    left = {layer.name for layer in fresh.layers if layer.name.startswith("mrcnn_mask")} | {"rpn_class_raw"}
    for layer in fresh.layers:
        for variable, old in zip(layer.weights, before[layer.name], strict=True):
            wanted = old if layer.name in left else expected[layer.name][variable.name]
            np.testing.assert_array_equal(variable, wanted.reshape(variable.shape), err_msg=layer.name)
    assert notes[0].startswith(
        f"{len(left)} of {len(fresh.layers)} layers start with random weights: rpn_class_raw, mrcnn_"
    )
    assert notes[1] == "Ignored layers of the file that the network does not have: dense_7."


def test_a_file_is_read_once_and_may_then_be_gone(file: Path, fresh: MaskRCNN, tmp_path: Path) -> None:
    path = tmp_path / "once.h5"
    path.write_bytes(file.read_bytes())
    start = start_of(str(path), [], CLASSES, catalog.find)
    path.unlink()
    assert load_start(start, fresh, "all") == [f"All {len(fresh.layers)} layers start from once.h5."]


def test_a_file_with_a_part_of_the_backbone_is_refused(file: Path, fresh: MaskRCNN, tmp_path: Path) -> None:
    path = without(file, tmp_path / "half.h5", "res5")
    with pytest.raises(
        WeightsError, match=r"half\.h5 lacks layers of the backbone: res5a_branch2a, .* cut off"
    ):
        load_start(start_of(str(path), [], CLASSES, catalog.find), fresh, "all")


@pytest.mark.parametrize(
    ("exclude", "stage", "told"),
    [
        (("conv1",), "heads", "conv1 would keep random weights and not learn: .* --layers all"),
        (("res4a_branch2a", "mrcnn_mask"), "5+", "res4a_branch2a would .* --layers 4\\+"),
        (("mrcnn_masks",), "all", "no layer to exclude is called mrcnn_masks"),
    ],
)
def test_a_layer_that_is_left_out_must_exist_and_learn(
    file: Path, fresh: MaskRCNN, exclude: tuple[str, ...], stage: str, told: str
) -> None:
    with pytest.raises(WeightsError, match=told):
        load_start(start_of(str(file), exclude, CLASSES, catalog.find), fresh, stage)


def test_what_is_left_out_may_be_broken_or_there_twice(file: Path, fresh: MaskRCNN, tmp_path: Path) -> None:
    weights = tmp_path / "odd.h5"
    weights.write_bytes(file.read_bytes())
    with h5py.File(weights, "a") as stored:
        stored["mrcnn_mask/bias:0"][...] = np.nan
        stored.copy("conv1", stored.create_group("other_model"))
    with pytest.raises(WeightsError, match="--exclude other_model"):
        start_of(str(weights), HEADS.split(","), CLASSES, catalog.find)

    start = start_of(str(weights), [*HEADS.split(","), "other_model"], CLASSES, catalog.find)

    assert start.config["rpn_width"] == 16
    assert (
        f"3 of {len(fresh.layers)} layers start with random weights" in load_start(start, fresh, "heads")[0]
    )


def test_nothing_to_exclude_from_is_refused() -> None:
    with pytest.raises(ValueError, match=r"--exclude names layers .* give --weights too"):
        start_of(None, ["mrcnn_mask"], CLASSES, catalog.find)


@pytest.mark.parametrize(
    ("classes", "left"), [(["background", "cell", "fibre", "spot"], ()), (CLASSES, CLASS_LAYERS)]
)
def test_coco_is_the_model_of_that_name_without_its_heads_where_the_classes_differ(
    tiny_bundle: catalog.Bundle, model_dir: Path, classes: list[str], left: tuple[str, ...]
) -> None:
    manifest = tiny_bundle.manifest.model_dump(exclude={"files"})
    tiny_bundle.folder.rename(model_dir / "coco")
    write_manifest(model_dir / "coco", {**manifest, "name": "coco"})
    start = start_of("coco", [], classes, catalog.find)
    assert (start.weights, start.exclude) == ("coco", left)
    assert start.path == model_dir / "coco/model.weights.h5"
    assert len(start.notes) == bool(left)


@pytest.mark.parametrize(
    ("classes", "left"),
    [(["background", "cell", "fibre", "spot"], ()), (["background", "cell"], CLASS_LAYERS)],
)
def test_a_model_is_continued_with_its_config_and_without_class_layers_where_the_classes_differ(
    tiny_bundle: catalog.Bundle, classes: list[str], left: tuple[str, ...]
) -> None:
    start = start_of(None, [], classes, catalog.find, "tiny")
    assert (start.weights, start.exclude) == ("tiny@1", left)
    assert start.config["image_max_dim"] == tiny_bundle.manifest.config["image_max_dim"]
    assert start.config["backbone"] == "resnet_small"
    assert len(start.notes) == bool(left)


def test_a_model_of_another_family_is_no_start() -> None:
    with pytest.raises(WeightsError, match="people is not a Mask R-CNN: its task is semantic"):
        start_of(None, [], ["background", "person"], catalog.find, "people")


@pytest.fixture(scope="module")
def published() -> keras.Model:
    """A ResNet-50 as Keras publishes it, with values of chance."""
    keras.utils.set_random_seed(3)
    published = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(None, None, 3))
    rng = np.random.default_rng(2)
    for layer in published.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            # Some variances so small that the epsilon matters.
            variance = 10 ** rng.uniform(-4, 0.5, layer.moving_variance.shape)
            layer.moving_variance.assign(variance)
            layer.gamma.assign(np.sqrt(variance))  # or sixteen blocks would exceed all bounds
            layer.moving_mean.assign(rng.normal(0, 0.1, layer.moving_mean.shape))
    return published


@pytest.fixture(scope="module")
def backbone() -> keras.Model:
    """This project's ResNet-50."""
    picture = keras.Input((None, None, 3))
    return keras.Model(picture, build_backbone("resnet50", picture, train_bn=False)[-1])


def test_every_layer_of_the_backbone_is_read_from_a_file_laid_out_as_keras_publishes_it(
    published: keras.Model, backbone: keras.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is downloaded: Keras gets the file where it would download it."""
    path = tmp_path / "notop.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, published)
        assert file["conv2_block1_0_conv"].attrs["weight_names"][0].endswith("kernel")
    asked = []

    def give_file(name: str, url: str, **_: object) -> str:
        asked.append((name, url))
        return str(path)

    monkeypatch.setattr(keras_resnet.file_utils, "get_file", give_file)
    layers = [layer for layer in backbone.layers if layer.weights]
    for layer in layers:
        layer.set_weights([np.full(variable.shape, 7.0) for variable in layer.weights])

    load_imagenet(layers, "resnet50")

    expected = weights_of(published)
    assert {layer.name for layer in layers} == set(expected)
    for layer in layers:
        for variable in layer.weights:
            np.testing.assert_array_equal(variable, expected[layer.name][variable.name], err_msg=layer.name)
    name = "resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
    assert asked == [(name, imagenet.URL + name)]
    with pytest.raises(
        WeightsError, match=r"notop\.h5 is a ResNet published by Keras: use --weights imagenet"
    ):
        start_of(str(path), [], CLASSES, catalog.find)


@pytest.mark.parametrize(
    "variables",
    [
        # Keras 1, and 2 in a session of its own and in one with other models
        {"kernel": "{0}_W:0", "bias": "{0}_b:0", "moving_variance": "{0}_running_std:0"},
        dict.fromkeys(("kernel", "bias", "moving_variance"), "{0}/{1}:0"),
        dict.fromkeys(("kernel", "bias", "moving_variance"), "{0}_1/{1}:0"),
    ],
)
def test_every_layer_of_the_backbone_is_read_from_the_file_that_matterport_downloads(
    backbone: keras.Model, tmp_path: Path, variables: dict[str, str]
) -> None:
    path = tmp_path / "notop.h5"
    layers = [layer for layer in backbone.layers if layer.weights]
    with h5py.File(path, "w") as file:
        for layer in layers:
            group = file.create_group(layer.name)
            for variable in layer.weights:
                name = variables.get(variable.name, "{0}_{1}:0").format(layer.name, variable.name)
                group[name] = np.asarray(variable)
    start = start_of(str(path), [], CLASSES, catalog.find)
    assert start.config == {"backbone": "resnet50"}
    assert set(start.stored) == {layer.name for layer in layers}
    for layer in layers:
        for variable in layer.weights:
            np.testing.assert_array_equal(start.stored[layer.name][variable.name], variable)


def test_imagenets_backbone_computes_what_keras_own_does(
    published: keras.Model, backbone: keras.Model
) -> None:
    """Of pictures as RGB, in a backbone whose batch norm has another epsilon."""
    rng = np.random.default_rng(2)
    ours = backbone
    stored = weights_of(published)
    layers = [layer for layer in ours.layers if layer.weights]
    assert {layer.name for layer in layers} == set(stored)
    for layer in layers:
        layer.set_weights([stored[layer.name][variable.name] for variable in layer.weights])
    image = rng.integers(0, 255, (1, 64, 64, 3)).astype(np.float32)
    features = rng.random((1, 16, 16, 64), np.float32)
    # Not in one go: between the two, Matterport's pooling starts a pixel further to the right.
    for theirs, own, seen, given in [
        (
            "conv1_bn",
            "bn_conv1",
            caffe.preprocess_input(image.copy()),
            image - np.array(CAFFE_MEAN, "float32"),
        ),
        ("conv2_block1_1_conv", "res2a_branch2a", features, features),
    ]:
        pair = []
        for whole, name, values in ((published, theirs, seen), (ours, own, given)):
            layer = whole.get_layer(name)
            ends = (whole.input, layer.output) if "bn" in name else (layer.input, whole.output)
            pair.append(np.asarray(keras.Model(*ends)(values, training=False)))
        assert np.ptp(pair[0]) > 1
        np.testing.assert_allclose(pair[1], pair[0], atol=1e-4 * np.abs(pair[0]).max())


def test_imagenet_has_no_weights_for_a_backbone_of_this_projects_own(fresh: MaskRCNN) -> None:
    with pytest.raises(
        WeightsError, match="no ImageNet weights for resnet_small: choose --backbone resnet50 or"
    ):
        load_start(start_of("imagenet", [], CLASSES, catalog.find), fresh, "all")


def test_without_a_network_the_file_to_copy_is_named(
    fresh: MaskRCNN, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise Exception("URL fetch failure on https://storage.googleapis.com/resnet50.h5: None -- no route")

    monkeypatch.setitem(imagenet.PUBLISHED, "resnet50", fail)
    with pytest.raises(
        WeightsError,
        match=r"cannot be downloaded \(URL fetch .* copy .*resnet50_.*_notop\.h5 to ~/\.keras/models",
    ):
        load_imagenet(fresh.layers, "resnet50")
