"""`python -m model package` makes a model that knows its run, or leaves nothing behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image
from tiny_model import TINY

from model import catalog
from model.__main__ import main
from model.data.fingerprint import fingerprint
from model.segmenter import load
from model.storage.manifest import Manifest
from model.storage.writing import update_manifest

# Keras turns TensorFlow's variables into arrays in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

COMMAND = "python -m model train --data cells --validation val --out runs/cells"
CLASSES = ["background", "cell", "T-cell, dying", "spot"]
"""Names with a hyphen, a space and a comma."""


def write_validation(folder: Path, noise: Callable[..., np.ndarray]) -> None:
    """Two pictures in COCO's format, with the classes in another order."""
    folder.mkdir()
    names = CLASSES[:0:-1]
    for number in (0, 1):
        Image.fromarray(noise(96, 64, seed=number)).save(folder / f"{number}.png")
    square = [10, 10, 30, 10, 30, 30, 10, 30]
    coco = {
        "images": [
            {"id": number, "file_name": f"{number}.png", "width": 96, "height": 64} for number in (0, 1)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(names, 1)],
        "annotations": [
            {
                "id": number + 1,
                "image_id": number,
                "category_id": 3,
                "segmentation": [square],
                "bbox": [10, 10, 20, 20],
                "area": 400,
                "iscrowd": 0,
            }
            for number in (0, 1)
        ],
    }
    (folder / "instances.json").write_text(json.dumps(coco))


@pytest.fixture
def run_folder(tmp_path: Path, tiny_weights: Path, noise: Callable[..., np.ndarray]) -> Path:
    """A run that was killed after its second report: its weights are the tiny model's."""
    write_validation(tmp_path / "val", noise)
    folder = tmp_path / "runs" / "cells"
    folder.mkdir(parents=True)
    shutil.copy(tiny_weights, folder / "best.weights.h5")
    (folder / "model.weights.h5").write_bytes(b"worse")
    np.savez(folder / "checkpoint.npz", step=30)
    asked = {
        "config": TINY.to_json(),
        "plan": {"steps": 100},
        "data": str(tmp_path / "cells"),
        "validation": str(tmp_path / "val"),
        "exif": "",
        "class_attribute": "",
        "classes": CLASSES,
        "weights": "/somewhere/mask_rcnn_coco.h5",
        "data_sha256": "d" * 64,
        "validation_sha256": fingerprint(tmp_path / "val"),
        "made_by": {"command": COMMAND, "git_commit": "c" * 40},
    }
    (folder / "run.json").write_text(json.dumps(asked))
    return folder


def change(run_folder: Path, **changed: Any) -> None:
    """Change values of run.json; None removes one."""
    path = run_folder / "run.json"
    values = {**json.loads(path.read_text()), **changed}
    path.write_text(json.dumps({name: value for name, value in values.items() if value is not None}))


def manifest(name: str) -> Manifest:
    bundle = catalog.find(name)
    bundle.check()
    return bundle.manifest


@pytest.fixture
def package(
    model_dir: Path, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., tuple[int, str]]]:
    """Runs the command on the run; returns its status and what it said."""

    def run(*words: str | Path, name: str = "cells", run: Path = run_folder) -> tuple[int, str]:
        status = main(["package", str(run), name, *map(str, words)])
        said = capsys.readouterr()
        return status, said.out + said.err

    yield run
    assert not list(model_dir.glob(".*"))  # nothing half-made


def test_a_model_knows_its_run_and_its_quality_and_the_next_one_is_version_2(
    package: Callable[..., tuple[int, str]], run_folder: Path
) -> None:
    status, said = package("--licence", "CC0-1.0", "--description", "Finds cells.")

    assert status == 0
    made = manifest("cells")
    assert made.training is not None
    assert (made.version, made.licence, made.description) == ("1", "CC0-1.0", "Finds cells.")
    assert (made.classes, made.made_by) == (CLASSES, COMMAND)
    assert made.source == "trained on cells, starting from mask_rcnn_coco.h5"
    assert made.training.model_dump() == {
        "run": "cells",
        "steps": 30,
        "data": "cells",
        "data_sha256": "d" * 64,
        "validation": "val",
        "validation_sha256": fingerprint(run_folder.parents[1] / "val"),
        "git_commit": "c" * 40,
    }
    assert made.quality is not None
    assert (made.quality["images"], made.quality["all"]["truth"]) == (2, 2)
    assert made.quality["data_sha256"] == made.training.validation_sha256
    assert made.baseline is None and "No baseline for drift was recorded: 2 pictures are too few" in said
    assert made.exports["f32"].passed
    assert "The run has done 30 of 100 steps." in said
    load("cells", tested=True)

    refused, said = package()
    assert (refused, "add --replace" in said) == (1, True)

    # An older run, without hashes and command, and without validation data.
    change(run_folder, validation="", data_sha256=None, validation_sha256=None, made_by=None, exif=None)
    status, said = package("--replace")
    assert status == 0
    older = manifest("cells")
    assert (older.version, older.quality, older.made_by) == ("2", None, "")
    assert (older.description, older.licence) == ("Finds cells.", "CC0-1.0")
    assert "The licence, CC0-1.0, was taken over from the replaced model." in said
    assert "Quality was not measured, since the run had no --validation." in said

    update_manifest(catalog.find("cells"), version="2026-a")
    assert "there is no next one: give --version" in package("--replace")[1]
    assert manifest("cells").version == "2026-a"


def without_weights(run_folder: Path) -> None:
    for name in ("best.weights.h5", "model.weights.h5"):
        (run_folder / name).unlink()


def without_anything(run_folder: Path) -> None:
    without_weights(run_folder)
    (run_folder / "checkpoint.npz").unlink()


def of_another_tool(run_folder: Path) -> None:
    (run_folder / "run.json").unlink()
    (run_folder / "args.yaml").write_text("model: yolo11n-seg.pt")


def with_nan(run_folder: Path) -> None:
    with h5py.File(run_folder / "best.weights.h5", "r+") as file:
        file["mrcnn_class_logits/bias:0"][0] = np.nan


def without_validation(run_folder: Path) -> None:
    shutil.rmtree(run_folder.parents[1] / "val")


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without_weights, "has no weights yet, only a checkpoint of step 30: repeat its command"),
        (without_anything, "has no weights: train first, with python -m model train"),
        (of_another_tool, "it has no run.json and seems to be one of Ultralytics. Name the --out of"),
        (lambda folder: change(folder, classes=None), "it has a run.json without classes"),
        (lambda folder: change(folder, task="pose"), "has the task 'pose', which cannot be packaged: there"),
        (lambda folder: (folder / "run.json").write_text("{"), "run.json is damaged"),
        (with_nan, "mrcnn_class_logits"),
        (without_validation, "are no longer there: restore them, or add --no-evaluate"),
        (lambda folder: change(folder, classes=["background", "a", "b", "c"]), "the model has the classes"),
        (lambda folder: (folder / "best.weights.h5").write_bytes(b"no"), "best.weights.h5"),
    ],
)
def test_a_run_that_cannot_be_packaged_is_refused_and_leaves_nothing(
    package: Callable[..., tuple[int, str]],
    run_folder: Path,
    model_dir: Path,
    spoil: Callable[[Path], object],
    told: str,
) -> None:
    spoil(run_folder)

    status, said = package()

    assert (status, told in said) == (1, True), said
    assert list(model_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({"name": "Cells 2"}, "'Cells 2' cannot name a model"),
        ({"run": Path("missing")}, "missing does not exist: name the --out of a training run"),
    ],
)
def test_names_that_cannot_be_are_refused(
    package: Callable[..., tuple[int, str]], words: dict[str, Any], told: str
) -> None:
    status, said = package(**words)

    assert (status, told in said) == (1, True)


def test_changed_validation_data_are_said(
    package: Callable[..., tuple[int, str]], run_folder: Path, noise: Callable[..., np.ndarray]
) -> None:
    Image.fromarray(noise(96, 64, seed=7)).save(run_folder.parents[1] / "val" / "0.png")
    (run_folder / "best.weights.h5").unlink()  # quickly refused: the last ones are damaged

    assert "have changed since the run; quality is measured on what is there now" in package()[1]
