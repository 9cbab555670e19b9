"""The included gate tells micrographs from photos; a model names it in its model.json."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from app.configuration.settings import BadSetting, Settings
from app.serving.loading import Models
from model import catalog
from model.answers import gate as gates
from model.answers.gate import EMPTY, FamiliarityGate, Gate, LearnedGate, doubt, gate_of
from model.pictures import read
from model.storage.manifest import Bundle, BundleError, GateReference, Manifest
from model.storage.writing import update_manifest

SHIPPED = catalog.SHIPPED
SAMPLES = Path(__file__).parents[3] / "app" / "static" / "samples"
Image = npt.NDArray[np.uint8]


def manifest_of(name: str) -> Manifest:
    return catalog.read_bundle(SHIPPED / name).manifest


def gate_for(name: str) -> Gate:
    found = gate_of(manifest_of(name))
    assert isinstance(found, LearnedGate)
    return found


def grey(image: Image) -> Image:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB).astype(np.uint8)


def portrait() -> Image:
    with np.load(SHIPPED / "people" / "selftest.npz") as recorded:
        image: Image = recorded["image"]
    return image


def sample(name: str) -> Image:
    return read(SAMPLES / f"{name}.png")


@pytest.mark.parametrize(
    ("image", "label"),
    [
        (sample("fluorescence"), "micrograph"),
        (255 - sample("fluorescence"), "micrograph"),  # dark on bright
        ((sample("fluorescence") * (0, 0.2, 1)).astype(np.uint8), "micrograph"),  # shown in blue
        (sample("fluorescence") // 8, "micrograph"),  # dark
        (sample("tissue"), "micrograph"),
        (grey(sample("tissue")), "micrograph"),
        (portrait(), "photo"),
        (grey(portrait()), "photo"),
        (portrait() // 4 + 90, "photo"),  # pale
    ],
)
def test_it_tells_micrographs_from_photos_in_any_colour_and_brightness(image: Image, label: str) -> None:
    for model, wanted in (("nuclei", "micrograph"), ("people", "photo")):
        verdict = gate_for(model).judge(image)
        assert (verdict.accepts, verdict.label) == (wanted == label, label)
        assert (verdict.score >= 0.5) == verdict.accepts
        assert 0 <= verdict.score <= 1


@pytest.mark.parametrize("model", ["nuclei", "people"])
def test_an_empty_picture_suits_any_model(model: str) -> None:
    verdict = gate_for(model).judge(np.full((64, 64, 3), 90, np.uint8))
    assert (verdict.accepts, verdict.label, verdict.score) == (True, EMPTY, 1.0)


def test_a_doubt_says_what_was_seen_and_what_is_wanted() -> None:
    verdict = gate_for("nuclei").judge(portrait())
    assert doubt(manifest_of("nuclei"), verdict) == (
        'This picture looks like "photo", but nuclei is for "micrograph" (cell nuclei in fluorescence and '
        "stained micrographs)."
    )


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No classifier has been loaded yet, and none is kept."""
    monkeypatch.setattr(gates, "_classifier", gates._classifier.__wrapped__)


@pytest.mark.usefixtures("unloaded", "model_dir")
def test_without_the_classifier_known_pictures_judge_or_nothing_does(
    caplog: pytest.LogCaptureFixture,
) -> None:
    nuclei = manifest_of("nuclei")
    with caplog.at_level(logging.WARNING):
        assert isinstance(gate_of(nuclei), FamiliarityGate)
    assert "pictures are judged without the gate gate: there is no model 'gate'" in caplog.text
    assert gate_of(nuclei.model_copy(update={"known_pictures": None})) is None


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"model": "gate", "accepts": ["cat"]}, "accepts cat, but the classes of gate are micrograph, photo"),
        ({"model": "tiny", "accepts": ["disc"]}, "is tiny, whose task is instance: name a classifier"),
    ],
)
def test_a_gate_that_cannot_judge_is_refused(
    named: dict[str, list[str]], message: str, tiny_bundle: Bundle, model_dir: Path
) -> None:
    shutil.copytree(SHIPPED / "gate", model_dir / "gate")
    manifest = update_manifest(tiny_bundle, gate=GateReference.model_validate(named)).manifest
    with pytest.raises(BundleError, match=message):
        gate_of(manifest)


@pytest.mark.usefixtures("unloaded")
def test_a_damaged_gate_is_refused(tiny_bundle: Bundle, model_dir: Path) -> None:
    shutil.copytree(SHIPPED / "gate", model_dir / "gate")
    weights = model_dir / "gate" / "openvino" / "f32" / "trunk.bin"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\1")
    manifest = update_manifest(tiny_bundle, gate={"model": "gate", "accepts": ["photo"]}).manifest
    with pytest.raises(BundleError, match="the gate of the model tiny cannot be loaded: model gate"):
        gate_of(manifest)


def test_a_classifier_is_not_served() -> None:
    with pytest.raises(BadSetting, match="MASKSERVE_MODELS: gate is a classifier, which finds no objects"):
        Models(settings=Settings(models=("gate",))).load()


def test_a_classifier_has_no_gate_itself(model_dir: Path) -> None:
    shutil.copytree(SHIPPED / "gate", model_dir / "gate")
    with pytest.raises(BundleError, match="a classifier has no gate, so delete them"):
        catalog.read_bundle(
            update_manifest(catalog.find("gate"), gate={"model": "gate", "accepts": ["photo"]}).folder
        )
