"""What is published is finite, is tried on a picture, and is used as the model before it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
import pytest

from model import catalog
from model.__main__ import main
from model.checking.finite import NotFinite
from model.checking.sample import sample_picture
from model.checking.selftest import SelfTest, record_usual_self_test
from model.publishing.publish import imported, usual_sample
from model.publishing.published import PublishedWeights
from model.publishing.replaced import taken_over
from model.results.result import Task
from model.segmenter import Segmenter, load
from model.storage.manifest import Bundle, Export
from model.storage.writing import update_manifest

KNOWN = {
    "usual_distance": 3.0,
    "kinds": {
        "all": {
            "pictures": 60,
            "mean": dict.fromkeys(("brightness", "middle", "contrast", "purple", "other_colours"), 0.5),
            "inverse_covariance": np.eye(5).tolist(),
        }
    },
}


@pytest.fixture
def overflowing(tiny_weights: Path, tmp_path: Path) -> Path:
    """Finite weights, which overflow on the way through the box head."""
    path = tmp_path / "huge.h5"
    shutil.copy(tiny_weights, path)
    with h5py.File(path, "a") as file:
        for layer in ("mrcnn_class_conv1", "mrcnn_class_conv2"):
            file[f"{layer}/kernel:0"][...] *= 1e25
    return path


def test_a_model_that_gives_no_numbers_is_refused_and_the_stage_is_named(
    tiny_bundle: Bundle, overflowing: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in tiny_bundle.folder.iterdir()}

    assert main(["import", str(overflowing), "--name", "tiny", "--replace"]) == 1

    said = capsys.readouterr().err
    assert "model tiny is broken" in said
    assert "of the values that its box_head gives in f32 (tensorflow) are not finite" in said
    assert "earlier checkpoint" in said
    assert {path.name: path.read_bytes() for path in tiny_bundle.folder.iterdir()} == before
    assert list(tiny_bundle.folder.parent.iterdir()) == [tiny_bundle.folder]


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("instance", {"max_segments": 7, "known_pictures": KNOWN}),
        ("classify", {"max_segments": 7}),  # a classifier has no gate, and its check would refuse one
    ],
)
def test_a_model_takes_over_what_one_of_its_task_can_have(
    tiny_bundle: Bundle, task: Task, expected: dict[str, object]
) -> None:
    old = update_manifest(tiny_bundle, max_segments=7, known_pictures=KNOWN).manifest

    assert taken_over(old, task) == expected


def test_a_broken_mask_head_is_refused_also_where_nothing_is_found(
    tiny_weights: Path, tmp_path: Path, model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = tmp_path / "negative.h5"
    shutil.copy(tiny_weights, weights)
    with h5py.File(weights, "a") as file:
        file["mrcnn_mask_bn2/moving_variance:0"][...] = -1
        file["mrcnn_class_logits/bias:0"][...] = [99, 0, 0, 0]  # all is background
    (tmp_path / "classes.txt").write_text("cell\nfibre\nspot\n")

    words = ("import", str(weights), "--name", "odd", "--classes", str(tmp_path / "classes.txt"))
    assert main([*words, "--min-dim", "64", "--max-dim", "128"]) == 1

    assert "of the values that its mask_head gives in f32" in capsys.readouterr().err
    assert not list(model_dir.iterdir())


def test_a_bundle_that_gives_no_numbers_is_not_served(tiny_bundle: Bundle, overflowing: Path) -> None:
    shutil.copy(overflowing, tiny_bundle.weights_path)
    update_manifest(tiny_bundle)

    with pytest.raises(NotFinite, match="box_head"):
        load("tiny", tested=True)


def test_a_replaced_mask_rcnn_is_used_as_before_and_what_is_gone_is_said(
    tiny_bundle: Bundle, tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    square = {**tiny_bundle.manifest.config}
    square.pop("image_resize_mode", None)  # a default of Config, and not that of an import
    old = update_manifest(
        tiny_bundle,
        config=square,
        threshold=0.2,
        tile_overlap=32,
        max_segments_per_megapixel=50,
        known_pictures=KNOWN,
        quality={"AP50": 0.8},
        baseline={"pictures": 40, "histograms": {"size": {"edges": [1, 2], "counts": [0, 40, 0]}}},
        exports={"f32": Export(passed=True), "int8": Export(passed=True, pictures=50)},
    ).manifest

    assert main(["import", str(tiny_weights), "--name", "tiny", "--replace", "--min-dim", "128"]) == 0

    new = catalog.find("tiny").manifest
    for name in ("classes", "threshold", "tile_overlap", "max_segments_per_megapixel", "known_pictures"):
        assert getattr(new, name) == getattr(old, name), name
    assert new.config == {**old.config, "image_min_dim": 128, "detection_min_confidence": 0.2}
    assert new.exports.keys() - {"bf16"} == {"f32"}
    said = capsys.readouterr().out
    kept = "threshold 0.2, most segments 20, most segments per megapixel 50, tile overlap 32, known pictures"
    assert f"{kept}, the rest of its config." in said
    assert "image_min_dim 64 → 128" in said
    assert "Removed with the old weights: the int8 stages" in said
    assert "python -m model export tiny --calibration DATA" in said
    assert "Removed with the old weights: the measured quality" in said
    assert "Removed with the old weights: the baseline for drift" in said and new.baseline is None
    load("tiny", precision="f32", tested=True)


def test_a_model_that_is_fetched_again_is_used_as_before(
    tiny_bundle: Bundle, tiny_weights: Path, tmp_path: Path
) -> None:
    old = update_manifest(tiny_bundle, threshold=0.2, tile_overlap=32, known_pictures=KNOWN).manifest
    about = {"licence": "MIT", "source": "there"}
    published = PublishedWeights("tiny", "http://127.0.0.1/", 1, "mask_rcnn", old.classes, old.config, about)

    new = imported(published, tiny_weights, tmp_path, old).bundle.manifest

    assert (new.threshold, new.tile_overlap, new.known_pictures) == (0.2, 32, old.known_pictures)
    assert new.licence == "MIT"


def test_the_sample_picture_is_smaller_where_it_would_take_many_tiles(
    tiny_segmenter: Segmenter, tiny_bundle: Bundle
) -> None:
    assert usual_sample(tiny_segmenter).shape == sample_picture().shape == (256, 512, 3)

    tiled = Segmenter(update_manifest(tiny_bundle, tile_overlap=32), tiny_segmenter.runner)

    picture = usual_sample(tiled)
    assert picture.shape == (128, 256, 3)
    assert tiled.work((256, 128)) <= 4 * 128 * 128 < tiled.work((512, 256))


def test_the_start_check_of_an_imported_model_is_more_than_a_blank_picture(
    tiny_segmenter: Segmenter, tiny_bundle: Bundle, noise: Callable[..., npt.NDArray[np.uint8]]
) -> None:
    assert "sample picture" in record_usual_self_test(tiny_bundle, tiny_segmenter.predict)

    bundle = catalog.find("tiny")
    shown: list[npt.NDArray[np.uint8]] = []

    def predict(image: npt.NDArray[np.uint8], *wishes: object) -> object:
        shown.append(image)
        return tiny_segmenter.predict(image, *wishes)  # type: ignore[arg-type]

    SelfTest(bundle).check(predict)  # type: ignore[arg-type]
    np.testing.assert_array_equal(shown[0], sample_picture())

    def of_another_picture(image: npt.NDArray[np.uint8], *wishes: object) -> object:
        return tiny_segmenter.predict(noise(512, 256, 5), *wishes)  # type: ignore[arg-type]

    with pytest.raises(catalog.BundleError, match="fails its self-test"):
        SelfTest(bundle).check(of_another_picture)  # type: ignore[arg-type]
