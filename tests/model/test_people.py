"""The model for people that ships: what it finds in photos, and what its bundle says of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from model import catalog
from model.checking.selftest import FILE
from model.data import ClassMapFolder, Reading
from model.data.subset import Subset
from model.evaluation.pixels import PixelAnswer, evaluate_pixels
from model.pictures import read
from model.segmenter import Segmenter, load

FOLDER = catalog.SHIPPED / "people"
EVERY = 4  # of the labelled photos one in so many is measured here, to save time


@pytest.fixture(scope="module")
def people() -> Segmenter:
    return load("people")  # with its self-test


def test_the_person_of_its_self_test_fills_much_of_the_photo() -> None:
    with np.load(FOLDER / FILE) as test:
        assert test["image"].shape == (128, 128, 3)
        assert 0.4 < test["labels"].mean() < 0.7


def test_a_black_picture_has_no_people(people: Segmenter) -> None:
    assert len(people.segment(np.zeros((300, 400, 3), np.uint8))) == 0


@pytest.mark.parametrize(
    ("photo", "on_people", "elsewhere"),
    [
        (
            "astronaut.png",
            [(0.45, 0.24), (0.35, 0.7)],
            [(0.62, 0.15), (0.05, 0.1)],
        ),  # face and suit; wall, flag
        ("soccer.jpg", [(0.13, 0.4), (0.41, 0.42), (0.77, 0.4)], [(0.27, 0.9), (0.6, 0.2)]),  # three players
    ],
)
def test_people_in_photos_are_found(
    people: Segmenter,
    shared: Path,
    photo: str,
    on_people: list[tuple[float, float]],
    elsewhere: list[tuple[float, float]],
) -> None:
    image = read(shared / "photos" / photo)  # both are CC0 or in the public domain
    class_map = people.predict(image).class_map
    assert class_map is not None
    height, width = class_map.labels.shape
    for points, class_id in ((on_people, 1), (elsewhere, 0)):
        for x, y in points:
            assert class_map.labels[round(y * height), round(x * width)] == class_id, (x, y)


def test_the_bundle_is_small_and_says_what_it_is() -> None:
    manifest = catalog.read_bundle(FOLDER).manifest
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 2e6
    assert manifest.licence == "Apache-2.0"
    assert "Apache License" in (FOLDER / "LICENSE").read_text()
    assert "MediaPipe Selfie Segmentation" in manifest.source
    assert manifest.made_by.startswith("python -m model import mediapipe_selfie_segmentation.tflite")
    assert manifest.classes == ["background", "person"]


def test_the_bundle_says_how_good_it_is() -> None:
    quality = catalog.read_bundle(FOLDER).manifest.quality
    assert quality is not None
    assert quality["images"] == 232
    assert quality["all"]["image IoU"] >= 0.88
    assert quality["all"]["image Dice"] >= 0.926
    assert "/" not in quality["data"]


def test_its_quality_is_what_model_json_says(people: Segmenter, shared: Path, tmp_path: Path) -> None:
    archive = shared / "data" / "human.tar"
    if not archive.exists():
        pytest.skip(f"needs {archive.name}, which is not here")
    subprocess.run(["tar", "xf", archive, "-C", tmp_path], check=True)
    manifest = people.bundle.manifest
    data = ClassMapFolder(tmp_path / "human", Reading(classes=manifest.classes))
    assert manifest.quality is not None
    assert len(data) == manifest.quality["images"]
    some = Subset(data, range(0, len(data), EVERY))
    measured = evaluate_pixels(
        lambda image: PixelAnswer(people.segment(image)), some, progress=False
    ).to_json()["all"]
    for figure in ("image IoU", "image Dice"):
        assert measured[figure] == pytest.approx(manifest.quality["all"][figure], abs=0.02)
