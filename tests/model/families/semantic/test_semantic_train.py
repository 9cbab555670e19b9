"""`python -m model train --task semantic`: runs, what they become, and what is refused."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from drawn_classes import write_class_maps

from model.__main__ import main
from model.families.family import Imported
from model.families.semantic.training import command
from model.families.semantic.training.weights import read_weights
from model.results.result import Wishes
from model.segmenter import Segmenter
from model.stopwatch import Stopwatch
from model.storage.writing import update_manifest

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ROOT = Path(__file__).resolve().parents[4]
STEPS = 8
PATIENCE_SECONDS = 240
RECIPE: dict[str, Any] = {
    "task": "semantic",
    "config": {"encoder": "plain", "depth": 2, "base_width": 4, "size": [48, 40], "fit": "scale"},
    "plan": {
        "steps": STEPS,
        "batch_size": 2,
        "crop": [32, 32],
        "warmup_steps": 2,
        "average": 0.6,
        "report_every": 4,
        "learning_rate": 0.01,
    },
}


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The command's arguments, all but --out."""
    folder = tmp_path_factory.mktemp("semantic")
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    write_class_maps(folder / "data", ["red", "blue"], unknown=True)
    write_class_maps(folder / "validation", ["red", "blue"], count=2, size=(60, 52))
    return [
        "train",
        *("--data", str(folder / "data"), "--validation", str(folder / "validation")),
        *("--config", str(folder / "recipe.yaml")),
    ]


@pytest.fixture(scope="module")
def straight(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run without a stop, in a process of its own as the killed one."""
    folder = tmp_path_factory.mktemp("straight")
    process = start([*words, "--out", str(folder)])
    output = process.communicate(timeout=PATIENCE_SECONDS)[0]
    assert process.returncode == 0, output
    return folder


def start(words: list[str], **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "model", *words],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def history_of(folder: Path) -> list[dict[str, float]]:
    with (folder / "history.csv").open(newline="") as file:
        return [{name: float(value) for name, value in row.items() if value} for row in csv.DictReader(file)]


def test_a_killed_run_ends_bit_for_bit_as_one_left_alone(
    words: list[str], straight: Path, tmp_path: Path
) -> None:
    again = [*words, "--out", str(tmp_path), "--checkpoint-seconds", "0"]
    process = start(again)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while steps_in(tmp_path) < 3 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert 3 <= steps_in(tmp_path) < STEPS
    process = start(again)
    output = process.communicate(timeout=PATIENCE_SECONDS)[0]
    assert process.returncode == 0, output
    for name in ("model.weights.h5", "best.weights.h5"):
        ours, expected = read_weights(tmp_path / name), read_weights(straight / name)
        assert ours.arrays.keys() == expected.arrays.keys()
        for key, values in expected.arrays.items():
            np.testing.assert_array_equal(ours.arrays[key], values, err_msg=f"{name}: {key}")
    assert history_of(tmp_path) == history_of(straight)


def steps_in(folder: Path) -> int:
    try:
        with np.load(folder / "checkpoint.npz") as checkpoint:
            return int(checkpoint["step"])
    except FileNotFoundError:
        return 0


def test_reports_have_figures_for_each_class_and_a_sheet(straight: Path) -> None:
    rows = [row for row in history_of(straight) if "val_IoU" in row]
    assert [row["step"] for row in rows] == [4, 8]
    figures = {"loss", "cross_entropy_loss", "dice_loss", "IoU", "Dice", "image_IoU", "pixel_accuracy"}
    assert {f"val_{name}" for name in (*figures, "IoU_red", "IoU_blue")} <= set(rows[-1])
    assert rows[-1]["val_IoU"] == pytest.approx((rows[-1]["val_IoU_red"] + rows[-1]["val_IoU_blue"]) / 2)
    sheet = cv2.imread(str(straight / f"predictions/{STEPS:06}.png"))
    assert sheet is not None
    assert sheet.std() > 10


def test_a_run_becomes_a_model_that_answers_as_the_trained_network(straight: Path, tmp_path: Path) -> None:
    made = packaged(straight, tmp_path / "discs")
    manifest = made.bundle.manifest
    assert (manifest.task, manifest.classes, manifest.threshold) == (
        "semantic",
        ["background", "red", "blue"],
        0.5,
    )
    assert tuple(manifest.config["size"]) == (48, 40)
    made.bundle.check()
    image = np.random.default_rng(3).integers(0, 256, (52, 60, 3), np.uint8)
    served = Segmenter(made.bundle, made.reference).predict(
        image, Wishes(threshold=0.0, probability_of="red"), stopwatch=Stopwatch()
    )
    assert served.class_map is not None
    assert served.class_map.probability is not None
    expected = probability_in_keras(straight, image)
    np.testing.assert_allclose(served.class_map.probability / 255, expected, atol=0.02)


def packaged(run: Path, folder: Path) -> Imported:
    asked = json.loads((run / "run.json").read_text())
    folder.mkdir()
    return command.package(run, asked, folder, {"name": "discs", "licence": "CC0-1.0"})


def probability_in_keras(run: Path, image: np.ndarray) -> np.ndarray:
    """(H, W), 0 to 1: the probability of class 1, by the trained network and OpenCV alone."""
    from model.families.semantic.training.config import NetworkConfig
    from model.families.semantic.training.weights import fill
    from model.families.semantic.unet import build_unet

    network = build_unet(NetworkConfig(**RECIPE["config"]).unet(3, "classes"))
    fill(network, read_weights(run / "best.weights.h5"), "best.weights.h5")
    picture = cv2.resize(image, (48, 40), interpolation=cv2.INTER_AREA)[np.newaxis].astype(np.float32) / 255
    logits = np.asarray(network(picture))[0].astype(np.float64)
    shares = np.exp(logits - logits.max(-1, keepdims=True))
    red = (shares / shares.sum(-1, keepdims=True))[..., 1]
    return np.asarray(cv2.resize(red, (60, 52), interpolation=cv2.INTER_LINEAR))


@pytest.mark.usefixtures("untraced", "undrawn")
def test_training_continues_from_a_model_with_other_classes_too(
    straight: Path,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    packaged(straight, tmp_path / "models" / "discs")
    few = ["--steps", "1", "--set", "plan.report_every=0"]
    alike = [word for word in words if word not in words[5:7]]  # without --config: it is the model's
    plan = ["--task", "semantic", "--set", "plan.crop=[32,32]", *few]
    assert main([*alike, *plan, "--continue-from", "discs", "--out", str(tmp_path / "run")]) == 0
    assert "All layers start from model.weights.h5." in capsys.readouterr().out
    asked = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (asked["config"]["encoder"], asked["config"]["base_width"]) == ("plain", 4)

    other = write_class_maps(tmp_path / "other", ["green"])
    more = [
        "train",
        "--data",
        str(other),
        *plan,
        "--continue-from",
        "discs",
        "--out",
        str(tmp_path / "other_run"),
    ]
    assert main(more) == 0
    assert "All layers but the last start from model.weights.h5." in capsys.readouterr().out
    asked = json.loads((tmp_path / "other_run" / "run.json").read_text())
    assert asked["config"]["gives"] == "binary"


def test_a_bundle_of_compiled_stages_alone_cannot_be_continued_from(
    straight: Path,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(tmp_path / "models"))
    (tmp_path / "models").mkdir()
    made = packaged(straight, tmp_path / "models" / "discs")
    (made.bundle.folder / "model.weights.h5").unlink()
    update_manifest(made.bundle)
    assert main([*words, "--continue-from", "discs", "--out", str(tmp_path / "run")]) == 1
    assert "this model has compiled stages only" in capsys.readouterr().err


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("changes", "gives"),
    [
        (["--set", "config.gives=labels", "--loss", "focal", "--set", "plan.focal_alpha=0.25"], "labels"),
        (["--precision", "mixed_bfloat16", "--accumulate", "2", "--steps", "2",
          "--loss", "cross_entropy", "--set", "plan.label_smoothing=0.1"], "classes"),
        (["--set", "config.channels=grey", "--set", "config.fit=tile", "--set", "config.size=[32,32]",
          "--set", "config.tile_overlap=16", "--set", "config.normalization=percentiles",
          "--set", "plan.class_weights=balanced", "--loss", "dice"], "classes"),
        (["--set", "config.size=null", "--set", "config.fit=pad", "--set", "config.norm=group",
          "--set", "config.norm_groups=2", "--optimizer", "sgd"], "classes"),
    ],
    ids=["labels", "bf16", "tiles", "any size"],
)  # fmt: skip
def test_other_kinds_of_runs_train_and_become_models(
    changes: list[str], gives: str, words: list[str], tmp_path: Path
) -> None:
    few = ["--steps", "1", "--set", "plan.report_every=0", "--set", "plan.warmup_steps=0"]
    assert main([*words, *few, *changes, "--out", str(tmp_path / "run")]) == 0
    row = history_of(tmp_path / "run")[-1]
    assert np.isfinite(list(row.values())).all()
    made = packaged(tmp_path / "run", tmp_path / "model")
    config = made.bundle.manifest.config
    assert config["gives"] == gives
    result = Segmenter(made.bundle, made.reference).predict(np.full((70, 90, 3), 90, np.uint8))
    assert result.class_map is not None
    assert result.class_map.labels.shape == (70, 90)


@pytest.mark.usefixtures("undrawn")
def test_a_frozen_encoder_stays_and_a_frozen_beginning_ends(
    straight: Path, words: list[str], tmp_path: Path
) -> None:
    begun = read_weights(straight / "model.weights.h5")
    more = ["--weights", str(straight / "model.weights.h5"), "--set", "plan.report_every=0"]
    more += ["--set", "plan.average=0", "--set", "plan.weight_decay=0", "--set", "plan.warmup_steps=0"]
    name = "encoder_stride2_conv1/kernel"
    for freeze, steps, stays in [("true", 2, True), ("2", 2, True), ("2", 3, False)]:
        out = tmp_path / f"{freeze}_{steps}"
        asked = ["--set", f"plan.freeze_encoder={freeze}", "--steps", str(steps), "--out", str(out)]
        assert main([*words, *more, *asked]) == 0
        ended = read_weights(out / "model.weights.h5")
        assert np.array_equal(ended.arrays[name], begun.arrays[name]) is stays
        assert not np.array_equal(ended.arrays["logits/kernel"], begun.arrays["logits/kernel"])


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--set", "plan.los=dice"], "los is unknown: did you mean loss"),
        (["--set", "plan.focal_gamma=-1"], "focal_gamma -1 must be at least 0"),
        (["--set", "config.widht=8"], "widht is unknown"),
        (["--set", "plan.crop=[30,30]"], "crop [30, 30]: both sides must be multiples of 4"),
        (["--set", "plan.crop=[64,64]"], "crop [64, 64] is larger than the network's size, [48, 40]"),
        (["--set", "config.size=[50,40]"], "both sides must be multiples of 4"),
        (["--set", "config.size=null"], 'fit "scale" needs the size'),
        (["--set", "config.gives=binary"], 'gives "binary" is for one class, and the data have 2'),
        (["--weights", "imagenet"], "--weights imagenet are those of MobileNet, and the encoder is plain"),
        (["--weights", "missing.h5"], "--weights missing.h5: there is no such file"),
        (["--set", "plan.freeze_encoder=true"], "would keep an encoder with random weights"),
        (["--encoder", "mobilenet"], "depth 2: MobileNet halves the picture 5 times"),
        (
            ["--continue-from", "nuclei"],
            "--continue-from nuclei is not a semantic model: its task is instance",
        ),
        (["--upright"], "--upright belongs to --task instance"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    more: list[str], told: str, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--out", str(tmp_path / "run"), *more]) == 1
    assert told in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_weights_of_another_network_are_refused(
    straight: Path, words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = ["--weights", str(straight / "model.weights.h5"), "--set", "config.base_width=8"]
    assert main([*words, *weights, "--out", str(tmp_path / "run")]) == 1
    told = capsys.readouterr().err
    assert "model.weights.h5 holds the weights of another network: encoder_stride1_conv1/kernel is" in told


def test_data_without_a_pixel_of_a_class_are_refused(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_class_maps(tmp_path / "data", ["red"])
    for path in (tmp_path / "data" / "masks").iterdir():
        cv2.imwrite(str(path), np.zeros((40, 48), np.uint8))
    recipe = words[words.index("--config") + 1]
    asked = ["train", "--data", str(tmp_path / "data"), "--config", recipe, "--out", str(tmp_path / "run")]
    assert main(asked) == 1
    assert "none of the 4 images" in capsys.readouterr().err


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_two_devices_of_jax_share_a_batch_and_go_on_after_a_report(words: list[str], tmp_path: Path) -> None:
    """A report puts the averaged weights into the network and takes them out again."""
    small = ["--set", "config.depth=1", "--set", "config.base_width=2", "--set", "config.norm=none"]
    process = start(
        [*words, *small, "--out", str(tmp_path), "--steps", "2", "--devices", "2", "--report-every", "1"],
        KERAS_BACKEND="jax",
        # To optimise what it compiles takes XLA longer than two steps.
        XLA_FLAGS="--xla_force_host_platform_device_count=2 --xla_backend_optimization_level=0",
    )
    output = process.communicate(timeout=PATIENCE_SECONDS)[0]
    assert process.returncode == 0, output
    assert ["val_IoU" in row for row in history_of(tmp_path)] == [True, True]
