"""`python -m model train`, killed at its work and started again, ends as if it had never stopped."""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from drawn_data import TINY, write_folder

from model.__main__ import main
from model.families.mask_rcnn.weights import read_weights, save_weights
from model.mrcnn import MaskRCNN
from model.training.run_folder import RunFolder

# Keras turns TensorFlow's variables into arrays in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

ROOT = Path(__file__).resolve().parents[4]
STEPS = 4
PATIENCE_SECONDS = 240
RECIPE = {
    "config": {**TINY.to_json(), "train_bn": True},
    "plan": {
        "steps": STEPS,
        "batch_size": 1,
        "picture_size": 64,
        "layers": "5+",  # weights, momentum and statistics of half the layers, in half the time
        "warmup_steps": 1,
        "average": 0.6,
    },
}


@pytest.fixture(scope="module", autouse=True)
def untraced() -> Iterator[None]:
    """As in conftest.py, for all runs of this process."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory, data_folder: Path, network: MaskRCNN) -> list[str]:
    """The command's arguments, all but --out."""
    folder = tmp_path_factory.mktemp("restart")
    (folder / "recipe.json").write_text(json.dumps(RECIPE))
    write_folder(folder / "validation", discs_in_pictures=(2,))
    save_weights(network.layers, folder / "start.weights.h5")
    return [
        "train",
        *("--data", str(data_folder), "--validation", str(folder / "validation")),
        *("--recipe", str(folder / "recipe.json"), "--weights", str(folder / "start.weights.h5")),
    ]


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
        return [{n: float(v) for n, v in row.items() if v} for row in csv.DictReader(file)]


class Killed(BaseException):
    """Nothing after it is done. SIGKILL itself ends the runs of `test_semantic_train.py`."""


@pytest.fixture(scope="module")
def killed_folder(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run killed in its second step, after a checkpoint and a report, then repeated to its end."""
    folder = tmp_path_factory.mktemp("killed")
    words = [*words, "--out", str(folder), "--checkpoint-seconds", "0"]

    def killed(run: RunFolder, step: int, values: Mapping[str, float]) -> None:
        if (folder / "predictions").exists():
            raise Killed
        record(run, step, values)

    record = RunFolder.record
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Killed):
        patch.setattr(RunFolder, "record", killed)
        main(words)
    with np.load(folder / "checkpoint.npz") as checkpoint:
        assert checkpoint["step"] == 1

    # As if it had been killed in the middle of writing.
    for name in ("checkpoint.npz.part", "history.csv.part", "model.weights.h5.part", "run.json.part"):
        (folder / name).write_bytes(b"cut o")
    assert main(words) == 0
    return folder


@pytest.fixture(scope="module")
def straight_folder(words: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same run without a stop."""
    folder = tmp_path_factory.mktemp("straight")
    assert main([*words, "--out", str(folder)]) == 0
    return folder


def test_a_killed_run_ends_with_the_weights_of_one_that_never_stopped(
    killed_folder: Path, straight_folder: Path, words: list[str]
) -> None:
    begun = read_weights(words[words.index("--weights") + 1])
    ours, expected = (
        read_weights(folder / "model.weights.h5") for folder in (killed_folder, straight_folder)
    )
    moved, apart = 0.0, 0.0
    for layer, arrays in expected.items():
        for name, values in arrays.items():
            if name.startswith("moving_"):  # statistics, in the thousands where weights are below one
                np.testing.assert_allclose(ours[layer][name], values, rtol=1e-3, atol=1e-3)
                continue
            moved += float(np.square(values - begun[layer][name]).sum())
            apart += float(np.square(values - ours[layer][name]).sum())
    assert moved > 0
    assert apart <= 1e-4 * moved  # the momentum alone, if lost, makes it 0.1


def test_the_history_has_each_step_once(killed_folder: Path, straight_folder: Path) -> None:
    ours, expected = history_of(killed_folder), history_of(straight_folder)
    assert [row["step"] for row in ours] == list(range(1, STEPS + 1))
    for row, other in zip(ours, expected, strict=True):
        assert np.isfinite(list(row.values())).all()
        losses = {name: value for name, value in row.items() if not name.startswith("val_")}
        assert losses == pytest.approx({name: other[name] for name in losses}, rel=1e-3)


def test_each_report_adds_its_figures_on_validation_data(killed_folder: Path, straight_folder: Path) -> None:
    figures = {f"val_{name}" for name in ("loss", *TINY.loss_weights, "mAP", "AP50")}
    reported = [row["step"] for row in history_of(killed_folder) if figures <= set(row)]
    assert reported[-1] == STEPS
    assert reported[0] < STEPS
    (row,) = [row for row in history_of(straight_folder) if "val_loss" in row]
    assert (row["step"], figures <= set(row)) == (STEPS, True)
    for folder in (killed_folder, straight_folder):
        MaskRCNN(TINY).load_weights(folder / "best.weights.h5")


def test_a_run_leaves_curves_and_predictions_to_look_at(killed_folder: Path, straight_folder: Path) -> None:
    for folder in (killed_folder, straight_folder):
        assert (folder / "losses.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / f"predictions/{STEPS:06}.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in (straight_folder / "predictions").iterdir()] == [f"{STEPS:06}.png"]


def test_nothing_half_written_is_left(killed_folder: Path) -> None:
    left = {path.name for path in killed_folder.iterdir()} - {"run.json.part", "run.lock"}
    assert left == {
        "best.weights.h5", "checkpoint.npz", "history.csv", "losses.png", "model.weights.h5", "predictions",
        "run.json",
    }  # fmt: skip


def test_killed_before_its_last_report_a_run_still_gets_its_final_weights(
    straight_folder: Path, words: list[str]
) -> None:
    weights = straight_folder / "model.weights.h5"
    expected = weights.read_bytes()
    weights.unlink()
    assert main([*words, "--out", str(straight_folder)]) == 0
    assert weights.read_bytes() == expected


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--steps", "3"], f"has done {STEPS} steps: continue it with --steps {STEPS} or more"),
        (["--seed", "5"], "holds a run with --seed 0, not 5: repeat its command"),
        (["--exclude", "mrcnn_mask"], "holds a run with --exclude (none), not mrcnn_mask:"),
        (["--exif", "ignore"], "holds a run with --exif (none), not ignore:"),
    ],
)
def test_other_arguments_in_the_same_folder_are_refused(
    more: list[str], told: str, straight_folder: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (straight_folder / "checkpoint.npz").read_bytes()
    assert main([*words, "--out", str(straight_folder), *more]) == 1
    assert told in capsys.readouterr().err
    assert (straight_folder / "checkpoint.npz").read_bytes() == before


def test_a_signal_saves_the_step_and_ends_the_run_which_can_then_be_made_longer(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Long before the first checkpoint is due; of the last of the steps that were asked for at first."""
    record = RunFolder.record

    def record_and_stop(run: RunFolder, step: int, values: Mapping[str, float]) -> None:
        record(run, step, values)
        if step == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(RunFolder, "record", record_and_stop)
    folder = tmp_path / "run"
    assert main([*words, "--out", str(folder), "--steps", "2"]) == 128 + signal.SIGTERM
    told = capfd.readouterr().err
    assert "SIGTERM: saving a checkpoint after this step" in told
    assert "stopped by SIGTERM: repeat the command to continue from there" in told
    with np.load(folder / "checkpoint.npz") as checkpoint:
        assert checkpoint["step"] == 2
    assert not (folder / "model.weights.h5").exists()

    assert main([*words, "--out", str(folder), "--steps", "3"]) == 0
    assert [row["step"] for row in history_of(folder)] == [1, 2, 3]
    assert (folder / "model.weights.h5").exists()


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_training_runs_on_pytorch_too(words: list[str], tmp_path: Path) -> None:
    process = start([*words, "--out", str(tmp_path), "--steps", "3"], KERAS_BACKEND="torch")
    output = process.communicate(timeout=PATIENCE_SECONDS)[0]
    assert process.returncode == 0, output
    assert [row["step"] for row in history_of(tmp_path)] == [1, 2, 3]
    assert np.isfinite([list(row.values()) for row in history_of(tmp_path)]).all()
    assert (tmp_path / "model.weights.h5").exists()
