"""`python -m model survey`: what a model was trained on is noted, and `segment` says what is unlike it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from model import catalog
from model.__main__ import main
from model.answers.gate import gate_of
from model.commands import segment
from model.commands import survey as survey_command
from model.drift.features import FEATURES
from model.pictures.familiarity import LEAST_PICTURES
from model.segmenter import Segmenter
from model.storage.manifest import MANIFEST, Bundle
from model.storage.writing import update_manifest


@pytest.fixture
def training(tmp_path: Path) -> Path:
    """A data set of grey spots on black, and some on white."""
    folder = tmp_path / "training"
    kind_by_id = {}
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number in range(LEAST_PICTURES + 10):
        labels = np.zeros((64, 64), np.uint16)
        for spot, (x, y) in enumerate(np.random.default_rng(number).integers(5, 59, (6, 2)), start=1):
            cv2.circle(labels, (int(x), int(y)), 5, spot, -1)
        on_white = number % 4 == 0
        kind_by_id[f"{number}"] = "white" if on_white else "black"
        image = np.where(labels > 0, 60, 250) if on_white else np.where(labels > 0, 180, 5)
        cv2.imwrite(str(folder / "images" / f"{number}.png"), image.astype(np.uint8))
        cv2.imwrite(str(folder / "labels" / f"{number}.png"), labels)
    (folder / "kind.json").write_text(json.dumps(kind_by_id))
    return folder


def run(*words: str | Path) -> int:
    return main([str(word) for word in words])


def test_a_survey_adds_what_it_found_to_model_json_and_changes_nothing_else(
    tiny_bundle: Bundle, training: Path
) -> None:
    path = tiny_bundle.folder / MANIFEST
    before = json.loads(path.read_text())

    assert run("survey", "tiny", "--data", training) == 0

    after = json.loads(path.read_text())
    assert {kind: known["pictures"] for kind, known in after.pop("known_pictures")["kinds"].items()} == {
        "black": 45,
        "white": 15,
    }
    assert after == before
    catalog.find("tiny").check()


def test_pictures_of_one_kind_need_no_name_for_it(tiny_bundle: Bundle, training: Path) -> None:
    (training / "kind.json").unlink()

    assert run("survey", "tiny", "--data", training) == 0

    known = catalog.find("tiny").manifest.known_pictures
    assert known is not None
    assert list(known.kinds) == ["all"]


def test_a_survey_of_few_pictures_is_refused_and_changes_nothing(
    tiny_bundle: Bundle, training: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (tiny_bundle.folder / MANIFEST).read_text()
    for number in range(20):
        (training / "images" / f"{number}.png").unlink()

    assert run("survey", "tiny", "--data", training) == 1

    assert "40 pictures are too few" in capsys.readouterr().err
    assert (tiny_bundle.folder / MANIFEST).read_text() == before


@pytest.mark.parametrize("labelled", [True, False])
def test_a_survey_of_validation_pictures_adds_the_baseline_of_pictures_and_answers(
    tiny_bundle: Bundle,
    tiny_segmenter: Segmenter,
    training: Path,
    monkeypatch: pytest.MonkeyPatch,
    labelled: bool,
) -> None:
    monkeypatch.setattr(
        survey_command, "load", lambda name, **how: Segmenter(catalog.find(name), tiny_segmenter.runner)
    )
    pictures = training if labelled else training / "images"

    assert run("survey", "tiny", "--data", training, "--validation", pictures) == 0

    manifest = catalog.find("tiny").manifest
    assert manifest.known_pictures is not None and manifest.baseline is not None
    assert manifest.baseline.pictures == LEAST_PICTURES + 10
    assert tuple(manifest.baseline.histograms) == FEATURES
    brightness = manifest.baseline.histograms["brightness"]
    assert brightness.bin_of(0) == 0 and brightness.bin_of(255) == len(brightness.edges)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "give --data, --validation or both"),
        (["--validation", "nowhere"], "there is nothing at nowhere"),
        (["--data", "nowhere"], "there is nothing at nowhere"),
    ],
)
def test_a_survey_of_nothing_is_refused(
    tiny_bundle: Bundle, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run("survey", "tiny", *options) == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("description", "sentence"),
    [
        ("", "This picture does not look like those that tiny was trained on."),
        ("Grey spots.", "those that tiny was trained on (grey spots)."),
        ("DNA stains, seen at night", "those that tiny was trained on (DNA stains, seen at night)."),
    ],
)
def test_segment_writes_its_answer_and_doubts_the_unfamiliar(
    tiny_bundle: Bundle,
    tiny_segmenter: Segmenter,
    training: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    description: str,
    sentence: str,
) -> None:
    update_manifest(tiny_bundle, description=description)
    run("survey", "tiny", "--data", training)
    monkeypatch.setattr(
        segment, "load", lambda name, **how: Segmenter(catalog.find(name), tiny_segmenter.runner)
    )
    familiar, unfamiliar = training / "images" / "7.png", tmp_path / "flag.png"
    flag = np.zeros((64, 96, 3), np.uint8)
    flag[:, :32], flag[:, 32:64], flag[:, 64:] = (70, 146, 0), (240, 245, 244), (0, 153, 255)  # BGR
    cv2.imwrite(str(unfamiliar), flag)
    capsys.readouterr()

    assert run("segment", familiar, unfamiliar, "--model", "tiny", "--out", tmp_path / "out") == 0

    said = capsys.readouterr().err
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"7.png", "flag.png"}
    assert f"{unfamiliar}: This picture does not look like" in said
    assert sentence in said
    assert "For other everyday photos: python -m model fetch coco, then --model coco." in said
    assert f"{familiar}: This picture does not look like" not in said


def test_a_model_that_was_not_surveyed_doubts_nothing(tiny_bundle: Bundle) -> None:
    assert gate_of(tiny_bundle.manifest) is None
