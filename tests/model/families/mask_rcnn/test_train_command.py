"""`python -m model train` refuses what cannot be, by name, and before it writes anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_data import TINY, write_folder
from PIL import Image

from model.__main__ import main
from model.families.mask_rcnn.weights import save_weights
from model.mrcnn import MaskRCNN
from model.training import loop

CONFIG = {**TINY.to_json(), "train_bn": True}
PLAN = {"steps": 4, "batch_size": 1, "picture_size": 64}


def refusal(capsys: pytest.CaptureFixture[str], out: Path, *words: object) -> str:
    """What a command that must be refused says; it must leave no run folder."""
    assert main(["train", "--out", str(out), *map(str, words)]) == 1
    assert not out.exists()
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ("[]", "recipe.json is not a valid recipe: it must have the sections config and plan"),
        ("{", "recipe.json is not valid YAML in line 1: "),
        ({"plans": {}}, "recipe.json is not a valid recipe: plans is unknown: did you mean plan?"),
        ({"plan": [4]}, "recipe.json is not a valid recipe: plan [4] must be a section"),
        (
            {"config": {**CONFIG, "backbones": "resnet50"}, "plan": PLAN},
            "backbones is unknown: did you mean backbone?",
        ),
        ({"config": {**CONFIG, "learning_rate": "low"}, "plan": PLAN}, "learning_rate: "),
        ({"config": CONFIG, "plan": {**PLAN, "step": 4}}, "step is unknown: did you mean steps?"),
        ({"config": CONFIG, "plan": {**PLAN, "steps": "four"}}, "steps: "),
        ({"config": CONFIG, "plan": {**PLAN, "warmup_steps": "none"}}, "warmup_steps: "),
        ({"config": CONFIG, "plan": {**PLAN, "batch_size": 0}}, "batch_size 0 must be at least 1"),
        ({"config": CONFIG, "plan": {**PLAN, "steps": -4}}, "steps -4 must be at least 1"),
        (
            {"config": CONFIG, "plan": {**PLAN, "augmentation": {"zooms": 1}}},
            "augmentation.zooms is unknown: did you mean zoom?",
        ),
        ({"config": CONFIG, "plan": {}}, "--steps is missing"),
    ],
)
def test_a_recipe_is_refused_by_the_name_of_what_is_wrong(
    tmp_path: Path, data_folder: Path, capsys: pytest.CaptureFixture[str], recipe: Any, told: str
) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(recipe if isinstance(recipe, str) else json.dumps(recipe))
    assert told in refusal(capsys, tmp_path / "run", "--data", data_folder, "--recipe", path)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.json"
    path.write_text(json.dumps({"config": CONFIG, "plan": PLAN}))
    return path


def test_validation_data_of_other_classes_are_refused(
    tmp_path: Path, data_folder: Path, recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_folder(tmp_path / "val", discs_in_pictures=(2,))
    (tmp_path / "val/class.txt").write_text("yeast")
    words = ("--data", data_folder, "--validation", tmp_path / "val", "--recipe", recipe)
    message = refusal(capsys, tmp_path / "run", *words)
    assert "--data has the classes nucleus, but --validation has yeast: both must have the same" in message


@pytest.mark.parametrize("spoilt", ["data", "val"])
def test_a_label_map_of_another_size_is_found_before_the_first_step(
    tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str], spoilt: str
) -> None:
    for name in ("data", "val"):
        write_folder(tmp_path / name, discs_in_pictures=(2, 2, 2))
    Image.new("L", (9, 9)).save(tmp_path / spoilt / "images/2.png")
    words = ("--data", tmp_path / "data", "--validation", tmp_path / "val", "--recipe", recipe)
    assert "images/2.png is 9 x 9" in refusal(capsys, tmp_path / "run", *words)


def test_binary_masks_are_refused(tmp_path: Path, recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_folder(tmp_path / "data", discs_in_pictures=(0, 0))
    for path in (tmp_path / "data/labels").iterdir():
        mask = np.zeros((80, 96), np.uint8)
        mask[10:20, 10:20] = mask[40:50, 40:50] = 255
        Image.fromarray(mask).save(path)
    message = refusal(capsys, tmp_path / "run", "--data", tmp_path / "data", "--recipe", recipe)
    assert "number them 1, 2, 3" in message


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (("--steps", 0), "--steps 0 must be at least 1"),
        (("--batch-size", 0), "--batch-size 0 must be at least 1"),
        (("--picture-size", 100), "--picture-size 100 must be a multiple of 64"),
        (("--steps", 3, "--warmup-steps", 9), "--warmup-steps 9 must be fewer than --steps 3"),
        (("--warmup-steps", 9), "--warmup-steps 9 must be fewer than steps 4"),  # which the recipe says
        (("--seed", -1), "--seed -1 must be at least 0"),
        (("--learning-rate", 0), "--learning-rate 0.0: give only values above 0"),
        (("--validation-pictures", 0), "--validation-pictures 0 must be at least 1"),
        (("--checkpoint-seconds", -5), "--checkpoint-seconds -5 must be 0 or more"),
        (("--exclude", "mrcnn_mask"), "--exclude names layers that are not read from --weights"),
        (("--backbone", "resnet50", "--weights", "start.h5"), "start.h5 has the backbone resnet_small, not"),
        (("--weights", "imagenet"), "no ImageNet weights for resnet_small: choose --backbone"),
    ],
)
def test_an_option_that_cannot_be_is_named_as_it_was_given(
    tmp_path: Path,
    data_folder: Path,
    recipe: Path,
    network: MaskRCNN,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: tuple[object, ...],
    told: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    save_weights(network.layers, "start.h5")
    message = refusal(capsys, tmp_path / "run", "--data", data_folder, "--recipe", recipe, *more)
    assert told in message


def test_without_a_recipe_a_run_has_the_resize_mode_of_bundles_or_the_one_that_it_began_with(
    tmp_path: Path, data_folder: Path, network: MaskRCNN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "train", lambda *_: None)  # what is asked is written before
    save_weights(network.layers, "start.h5")
    words = ["train", "--data", str(data_folder), "--out", "run", "--weights", "start.h5", "--steps", "1"]
    run_json = tmp_path / "run/run.json"

    assert main(words) == 0
    asked = json.loads(run_json.read_text())
    assert asked["config"]["image_resize_mode"] == "fit64"

    asked["config"]["image_resize_mode"] = "square"  # as it was before
    run_json.write_text(json.dumps(asked))
    assert main(words) == 0
    assert json.loads(run_json.read_text()) == asked


@pytest.mark.usefixtures("untraced")
def test_after_a_refusal_the_corrected_command_has_the_folder(
    tmp_path: Path,
    data_folder: Path,
    recipe: Path,
    network: MaskRCNN,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    save_weights(network.layers, "start.weights.h5")
    words = ("--data", data_folder, "--recipe", recipe)
    for more, told in [
        (("--weights", "gone.h5"), "gone.h5: there is no such file"),
        (
            ("--weights", "start.weights.h5", "--exclude", "mrcnn_mask, mrcnn_logits"),
            "is called mrcnn_logits:",
        ),
    ]:
        assert told in refusal(capsys, tmp_path / "run", *words, *more)
    corrected = (*words, "--steps", 1, "--weights", "start.weights.h5", "--exclude", "mrcnn_mask, conv1")
    assert main(["train", "--out", "run", *map(str, corrected)]) == 0
    assert "layers start with random weights: conv1, mrcnn_mask." in capsys.readouterr().out
    assert (tmp_path / "run/model.weights.h5").is_file()
    assert not (tmp_path / "run/best.weights.h5").exists()  # there were no --validation data
