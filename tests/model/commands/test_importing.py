"""A weight file becomes a model that segments, or is refused with what would fit; then nothing is left."""

from __future__ import annotations

import json
import lzma
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from model import catalog
from model.__main__ import main
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.weight_files import read_weights
from model.formats.encode import encode_png
from model.segmenter import Segmenter, load
from model.storage.manifest import Bundle

TINY_CONFIG = {"image_min_dim": 64, "image_max_dim": 128, "rpn_anchor_scales": [8, 16, 32, 64, 128]}


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """The names of the tiny model's classes, in a file."""
    path = tmp_path / "classes.txt"
    path.write_text("cell\nfibre\nspot\n")
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """What the tiny weights cannot tell of their network, as JSON."""
    path = tmp_path / "config.json"
    path.write_text(json.dumps(TINY_CONFIG))
    return path


def test_a_failed_replacement_leaves_the_old_model(
    tiny_bundle: Bundle, tiny_weights: Path, classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in tiny_bundle.folder.iterdir()}
    picture = tmp_path / "self-test.png"
    picture.write_bytes(encode_png(np.zeros((64, 64, 3), np.uint8)))
    words = ["import", str(tiny_weights), "--name", "tiny", "--classes", str(classes), "--replace"]

    assert main([*words, "--threshold", "1", "--self-test", str(picture)]) == 1

    assert "choose another" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in tiny_bundle.folder.iterdir()} == before


def test_an_imported_model_finds_what_the_original_finds_and_carries_its_self_test(
    model_dir: Path,
    tmp_path: Path,
    tiny_weights: Path,
    classes: Path,
    config: Path,
    tiny_segmenter: Segmenter,
    noise: Callable[..., npt.NDArray[np.uint8]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    config.write_text(json.dumps({**TINY_CONFIG, "pre_nms_limit": 300, "post_nms_rois_inference": 60}))
    picture = tmp_path / "self-test.png"
    picture.write_bytes(encode_png(noise(128, 96)))
    words = [
        "import",
        str(tiny_weights),
        "--name",
        "mine",
        "--classes",
        str(classes),
        "--config",
        str(config),
    ]
    words += ["--threshold", "0", "--max-segments", "20", "--licence", "MIT", "--self-test", str(picture)]

    assert main(words) == 0

    assert "mine: resnet_small, 3 classes, in" in capsys.readouterr().out
    imported = load("mine", precision="f32")  # random weights: in bf16 they find other things
    assert imported.bundle.manifest.classes == ["background", "cell", "fibre", "spot"]
    assert imported.bundle.manifest.licence == "MIT"
    assert {"model.weights.h5", "selftest.npz"} < set(imported.bundle.manifest.files)
    assert (imported.engine, imported.bundle.manifest.exports["f32"].passed) == ("openvino", True)
    imported.self_test()
    found = load("mine", engine="tensorflow").segment(noise(128, 96))
    expected = tiny_segmenter.segment(noise(128, 96))
    assert len(found) > 10
    assert found.boxes.tolist() == expected.boxes.tolist()
    assert found.scores.tolist() == expected.scores.tolist()


def lacking(*layers: str) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        with h5py.File(path, "a") as file:
            for layer in layers:
                del file[layer]

    return spoil


def with_other_shape(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["fpn_p2/kernel:0"]
        file["fpn_p2/kernel:0"] = np.zeros((1, 1, 2, 2), np.float32)


def with_another_layer(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["spare/kernel:0"] = np.zeros(3)


def with_what_is_not_finite(path: Path) -> None:
    with h5py.File(path, "a") as file:
        file["mrcnn_mask/bias:0"][0] = np.nan


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda path: path.write_text("no weights"), "is a text file, not a model"),
        (lambda path: path.write_bytes(path.read_bytes()[:10_000]), "is cut off: it has 10,000 of its "),
        (lambda path: path.unlink(), "there is no such file"),
        (lacking("mrcnn_class_logits"), "does not hold a complete Mask R-CNN (it has no mrcnn_class_logits)"),
        (lacking("mrcnn_mask"), "Missing: mrcnn_mask"),  # nothing tells its shape
        (lacking("res4b_branch2a"), "resnet50, resnet101, resnet_small (stage 4 has 1 blocks)"),
        (with_other_shape, "Other shape: fpn_p2/kernel"),
        (
            with_another_layer,
            "Left over: spare. If these layers are not part of the network, exclude them (--exclude spare)",
        ),
        (with_what_is_not_finite, "Layers: mrcnn_mask."),
    ],
)
def test_a_file_that_is_no_whole_mask_rcnn_is_refused_and_nothing_is_left(
    model_dir: Path,
    tiny_weights: Path,
    classes: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
    says: str,
) -> None:
    weights = tmp_path / "mine.h5"
    shutil.copy(tiny_weights, weights)
    spoil(weights)

    status = main(["import", str(weights), "--name", "mine", "--classes", str(classes)])

    message = capsys.readouterr().err
    assert status == 1
    assert "python -m model import: mine.h5" in message
    assert says in message
    assert list(model_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--name", "My Model"], "use at most 63 lower-case letters"),
        (["--name", "../mine"], "use at most 63 lower-case letters"),  # would leave the folder
        (
            ["--backbone", "resnet101"],
            "backbone resnet_small, not resnet101: omit backbone or give resnet_small",
        ),
        (["--threshold", "1.5"], "outside 0…1"),
        (["--min-dim", "2000"], "above image_max_dim 1024"),
        (["--resize-mode", "square", "--max-dim", "1000"], "such as 1024"),
        (["--resize-mode", "crop"], 'use "fit64" or "square"'),  # it could never detect
        (["--resize-mode", "none"], 'use "fit64", or "square" with --min-dim and --max-dim'),  # nearly never
        (["--config", "no-such.json"], "--config no-such.json does not exist"),
        (["--anchor-scales", "8,16"], "give 5, one for each level"),
        (["--anchor-ratios", "1"], "Other shape: rpn_"),  # the file has three
        (["--tile-overlap", "3"], "tile_overlap: Input should be greater"),
        (["--max-segments", "70000"], "max_segments: Input should be less"),
        (["--max-segments-per-megapixel", "-1"], "max_segments_per_megapixel: Input should be greater"),
        (["--self-test", "no-such.png"], "no-such.png"),  # found out before anything is made
        (["--exclude", "spare,mrcnn_mask"], "--exclude mrcnn_mask: a model needs these layers."),
        (["--exclude", "spare"], "no layer to exclude is called spare"),
    ],
)
def test_wishes_that_do_not_fit_the_file_are_refused_and_nothing_is_left(
    model_dir: Path,
    tiny_weights: Path,
    classes: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    says: str,
) -> None:
    status = main(["import", str(tiny_weights), "--name", "mine", "--classes", str(classes), *words])

    message = capsys.readouterr().err
    assert status == 1
    assert says in message
    assert message.count("\n") == 1
    assert list(model_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("names", "given"),
    [
        ("cell\nfibre\n", 2),
        ("cell\nfibre\nspot\nring\n", 4),
        ("", 0),
    ],
)
def test_a_wrong_count_of_class_names_is_answered_with_the_right_one(
    model_dir: Path,
    tiny_weights: Path,
    classes: Path,
    capsys: pytest.CaptureFixture[str],
    names: str,
    given: int,
) -> None:
    classes.write_text(names)

    status = main(["import", str(tiny_weights), "--name", "mine", "--classes", str(classes)])

    assert status == 1
    assert f"so 3 names are needed, one per line; {given} were given" in capsys.readouterr().err
    assert list(model_dir.iterdir()) == []


DISPLAYED = """
Configurations:
BACKBONE                       resnet_small
DETECTION_MIN_CONFIDENCE       0
GPU_COUNT                      1
IMAGE_MAX_DIM                  128
IMAGE_MIN_DIM                  64
IMAGE_RESIZE_MODE              square
MEAN_PIXEL                     [43.5 39.  48.2]
NUM_CLASSES                    4
RPN_ANCHOR_SCALES              (8, 16, 32, 64, 128)
"""
"""What Matterport's `config.display()` printed, in part."""


@pytest.mark.usefixtures("uncompiled")
def test_a_whole_model_is_imported_with_matterports_own_config_and_without_what_is_not_the_networks(
    model_dir: Path, tiny_weights: Path, classes: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights, config = tmp_path / "whole.h5", tmp_path / "config.txt"
    with h5py.File(tiny_weights) as plain, h5py.File(weights, "w") as file:
        for layer in plain:
            plain.copy(layer, file, f"model_weights/mask_rcnn/{layer}_1")
        file["model_weights/anchors/Variable:0"] = np.zeros((1, 9, 4))
        file["model_weights/teacher/conv1/kernel:0"] = np.zeros(3)
        file["optimizer_weights/SGD/m/mrcnn_mask/bias:0"] = np.zeros(4)
    config.write_text(DISPLAYED)
    words = ["import", str(weights), "--name", "mine", "--classes", str(classes), "--config", str(config)]

    assert main([*words, "--exclude", "teacher", "--min-dim", "128"]) == 0

    bundle = catalog.find("mine")
    stored, expected = read_weights(bundle.weights_path), read_weights(tiny_weights)
    assert stored.keys() == expected.keys()
    np.testing.assert_array_equal(stored["mrcnn_mask"]["kernel"], expected["mrcnn_mask"]["kernel"])
    said = capsys.readouterr().out
    assert "Ignored in config.txt: not needed for serving: GPU_COUNT." in said
    assert 'config.txt has the resize mode "square"' in said
    values = Config.from_json(bundle.manifest.config)
    assert (values.image_min_dim, values.image_max_dim) == (128, 128)  # the command line goes before the file
    assert (values.mean_pixel, values.image_resize_mode) == ((43.5, 39.0, 48.2), "square")


def test_a_background_that_is_not_first_is_understood_and_the_order_said(
    model_dir: Path, tiny_weights: Path, classes: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    classes.write_bytes("Größe\nfibre\nBG\n".encode("latin-1"))

    assert main(["import", str(tiny_weights), "--name", "mine", "--classes", str(classes)]) == 1

    said = capsys.readouterr()
    assert (
        "classes.txt is not in UTF-8 and was read as Latin-1 (Windows-1252), with names such as" in said.out
    )
    assert "background first; the classes are numbered 0 background, 1 Größe, 2 fibre." in said.out
    assert "so 3 names are needed, one per line; 2 were given (a background called BG" in said.err


@pytest.mark.usefixtures("uncompiled")
def test_a_runs_weights_need_no_more_than_a_name(model_dir: Path, tiny_weights: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_weights, tmp_path / "model.weights.h5")
    asked = {"classes": ["background", "a", "b", "c"], "config": {"num_classes": 4, **TINY_CONFIG}}
    (tmp_path / "run.json").write_text(json.dumps(asked))

    assert main(["import", str(tmp_path / "model.weights.h5"), "--name", "mine"]) == 0

    bundle = catalog.find("mine")
    assert bundle.manifest.classes == asked["classes"]
    assert bundle.manifest.config["image_max_dim"] == 128
    assert bundle.manifest.config["rpn_anchor_scales"] == [8, 16, 32, 64, 128]


def test_without_class_names_the_import_asks_for_them(
    model_dir: Path, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["import", str(tiny_weights), "--name", "mine"]) == 1

    assert "--classes is missing" in capsys.readouterr().err


@pytest.fixture(scope="module")
def matterport(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bundle]:
    """Matterport's own file, imported with nothing said but the size of its pictures."""
    folder = tmp_path_factory.mktemp("matterport")
    weights, names = folder / "mask_rcnn_0160.h5", folder / "classes.txt"
    with lzma.open(shared / "golden" / "matterport_resnet50.h5.xz") as packed, weights.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    names.write_text("\n".join(f"thing {number}" for number in range(1, 81)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKSERVE_MODEL_DIR", str(folder / "models"))
        words = ["import", str(weights), "--name", "matterport", "--classes", str(names), "--threshold", "0"]
        assert main([*words, "--min-dim", "240", "--max-dim", "320", "--resize-mode", "square"]) == 0
        weights.unlink()
        yield catalog.find("matterport")


def test_matterports_file_tells_its_backbone_and_classes(matterport: Bundle) -> None:
    assert matterport.manifest.config["backbone"] == "resnet50"
    assert matterport.manifest.config["num_classes"] == 81
    assert matterport.manifest.classes[:2] == ["background", "thing 1"]
    assert matterport.manifest.source == "imported from mask_rcnn_0160.h5"


def test_matterports_model_segments_a_photo_as_matterport_does(matterport: Bundle, shared: Path) -> None:
    golden: dict[str, Any] = dict(np.load(next((shared / "golden").glob("*.npz"))))

    found = load("matterport", precision="f32").segment(golden["image"])

    # The weights are random: scores tie, and which of two neighbours NMS keeps is chance.
    boxes = {tuple(box) for box in found.boxes[:, [1, 0, 3, 2]].tolist()}
    same = sum(tuple(box) in boxes for box in golden["rois"].tolist())
    assert same >= 0.95 * len(golden["rois"])


def test_matterports_file_is_refused_as_a_resnet101(
    matterport: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = tmp_path / "classes.txt"
    names.write_text("\n".join(matterport.manifest.classes))
    words = ["import", str(matterport.weights_path), "--name", "other", "--classes", str(names)]

    assert main([*words, "--backbone", "resnet101"]) == 1

    assert "has backbone resnet50, not resnet101" in capsys.readouterr().err
    assert "other" not in catalog.names()
