"""`python -m model train --task classify`: what a run leaves, and how it continues."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from coloured_classes import COLOURS, TINY, write_classes
from PIL import Image

from model import catalog
from model.__main__ import main
from model.data.classified import open_classified
from model.families.classifier.config import ClassifierConfig
from model.families.classifier.network import ClassifierNetwork
from model.families.classifier.training import command
from model.families.classifier.training.learner import ClassifierLearner
from model.families.classifier.training.plan import ClassifyPlan
from model.families.classifier.training.pruning import share_at
from model.families.classifier.training.validation import Validation, figures_of
from model.families.classifier.weights import read_weights
from model.publishing.publish import publish
from model.segmenter import load
from model.training import run_json
from model.training.loop import train
from model.training.run_folder import RunFolder

# Keras turns TensorFlow's variables into arrays in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

STEPS = 8


def words(folders: Path, out: Path, *more: str) -> list[str]:
    """The command line of a short run."""
    config = [f"--set=config.{name}={value}" for name, value in TINY.items()]
    data = ("--data", str(folders / "train"), "--validation", str(folders / "val"), "--out", str(out))
    plan = ("--steps", str(STEPS), "--batch-size", "6", "--learning-rate", "0.02", "--set=plan.average=0")
    return ["train", "--task", "classify", *data, *plan, *config, *more]


@pytest.fixture(scope="module")
def run_folder(class_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("run")
    assert main([*words(class_folders, folder), "--set=plan.warmup_steps=1"]) == 0
    return folder


def history_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_reports_accuracy_and_recalls_and_draws_its_mistakes(run_folder: Path) -> None:
    rows = history_of(run_folder)
    recalls = [f"val_recall_{name}" for name in COLOURS]

    names = ["step", "cross_entropy_loss", "loss", "val_loss", "val_accuracy", *recalls]
    assert list(rows[0]) == names
    assert [row["step"] for row in rows] == [str(step) for step in range(1, STEPS + 1)]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert 0 <= float(rows[-1]["val_accuracy"]) <= 1
    with Image.open(run_folder / "predictions" / f"{STEPS:06}.png") as panel:
        assert panel.width > 1000
    assert run_json.read(run_folder)["classes"] == list(COLOURS)  # type: ignore[index]
    assert (run_folder / "best.weights.h5").exists()


def test_a_run_becomes_a_model_that_classifies(run_folder: Path, model_dir: Path) -> None:
    asked = run_json.read(run_folder)
    assert asked is not None
    about = {"name": "colours", "licence": "CC0-1.0", "source": "drawn"}
    sample = np.full((64, 128, 3), COLOURS["red"], np.uint8)
    published = publish(
        "colours", lambda folder: command.package(run_folder, asked, folder, about), sample=sample
    )

    manifest = published.bundle.manifest
    assert (manifest.task, manifest.family, manifest.classes) == ("classify", "classifier", list(COLOURS))
    assert published.summary == "mobilenet at 32 x 32 pixels, 3 classes"
    model = load("colours", precision="f32", tested=True)
    assert model.engine == "openvino"
    found = model.classify(sample)
    assert found.probabilities.shape == (3,)
    assert found.probabilities.sum() == pytest.approx(1, abs=1e-3)
    reference = load("colours", engine="tensorflow").classify(sample)
    np.testing.assert_allclose(found.probabilities, reference.probabilities, atol=0.01)
    assert found.probability == found.probabilities[found.class_id] == found.probabilities.max()


def test_a_classifier_is_listed_and_finds_no_segments(
    run_folder: Path, model_dir: Path, capsys: pytest.CaptureFixture, tmp_path: Path
) -> None:
    asked = run_json.read(run_folder)
    assert asked is not None
    with catalog.new_bundle("colours") as folder:
        command.package(run_folder, asked, folder, {"name": "colours"})
    Image.new("RGB", (40, 40), COLOURS["red"]).save(tmp_path / "red.png")
    capsys.readouterr()

    assert main(["models"]) == 0
    assert "blue, green, red" in capsys.readouterr().out
    assert main(["segment", str(tmp_path / "red.png"), "--model", "colours"]) == 1
    assert "the task of the model colours is classify" in capsys.readouterr().err


class Killed(Exception):
    """Stands for SIGKILL: nothing after it runs."""


class KillAt:
    """An observer that kills the run at a step, before its checkpoint."""

    def __init__(self, step: int) -> None:
        self._step = step

    def step(self, step: int, values: Mapping[str, float]) -> None:
        if step == self._step:
            raise Killed

    def report(self, step: int, figures: Mapping[str, float]) -> None:
        """Nothing."""


def train_into(folder: Path, data: Path, *kills: int) -> Mapping[str, Any]:
    """A run with everything that has a state, killed at these steps; returns its last weights."""
    plan = ClassifyPlan.from_json(
        {
            "steps": STEPS,
            "batch_size": 4,
            "warmup_steps": 2,
            "average": 0.7,
            "report_every": 4,
            "prune": 0.5,
            "prune_from": 0.1,
            "prune_until": 0.6,
            "freeze": 0.3,
            "accumulate": 2,
            "learning_rate": 0.01,
        }
    )
    for kill in (*kills, None):
        keras.utils.set_random_seed(plan.seed)
        train_data, watched = open_classified(data / "train"), open_classified(data / "val")
        network = ClassifierNetwork(ClassifierConfig.from_json({**TINY, "blocks": 2}), len(COLOURS))
        learner = ClassifierLearner(network, train_data, plan, Validation(watched, plan.batch_size))
        run = RunFolder(folder, {"task": "classify"}, plan, learner.ranking, every_seconds=0)
        try:
            train(learner, run, [] if kill is None else [KillAt(kill)])
        except Killed:
            continue
    return read_weights(folder / "model.weights.h5")


@pytest.mark.usefixtures("untraced", "undrawn")
def test_a_killed_run_ends_with_the_same_weights_bit_for_bit(class_folders: Path, tmp_path: Path) -> None:
    straight = train_into(tmp_path / "straight", class_folders)
    # Its checkpoint, of step 3, holds one of two gradients to be added, and weights that are pruned in part.
    killed = train_into(tmp_path / "killed", class_folders, 4)

    assert killed.keys() == straight.keys()
    for layer, arrays in straight.items():
        for name, values in arrays.items():
            np.testing.assert_array_equal(killed[layer][name], values, err_msg=f"{layer}/{name}")
    assert history_of(tmp_path / "killed") == history_of(tmp_path / "straight")
    zeros = float((straight["conv_pw_2"]["kernel"] == 0).mean())
    assert zeros == pytest.approx(0.5, abs=0.01)


def test_the_share_of_pruned_weights_grows_to_its_goal() -> None:
    plan = ClassifyPlan.from_json({"steps": 100, "prune": 0.8, "prune_from": 0.2, "prune_until": 0.6})
    shares = [share_at(step, plan) for step in (0, 20, 30, 40, 60, 99)]

    assert shares[:2] == [0, 0]
    assert shares == sorted(shares)
    assert shares[-2:] == [0.8, 0.8]


def test_figures_are_of_the_classes_that_occur() -> None:
    logits = np.array([[9, 0, 0], [0, 9, 0], [9, 0, 0], [9, 0, 0]], np.float32)
    figures = figures_of(logits, np.array([0, 1, 1, 0]), ["a", "b", "c"])

    assert figures.pop("val_loss") == pytest.approx(9 / 4, abs=0.01)
    assert figures == {"val_accuracy": 0.75, "val_recall_a": 1.0, "val_recall_b": 0.5}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--freeze", "0.5"], "freeze would keep 3 layers at random weights"),
        (["--weights", "no.h5"], "no.h5: there is no such weight file"),
        (["--weights", "RUN", "--network", "squeezenet"], "is a mobilenet, not a squeezenet: omit --network"),
        (["--continue-from", "nuclei"], "nuclei is not a classifier: its task is instance"),
        (["--continue-from", "gate"], "--continue-from gate: this model has compiled stages only"),
        (
            ["--set=plan.class_weights={pink: 2}"],
            "class_weights names pink, but the classes of --data are blue",
        ),
        (["--backbone", "resnet50"], "--backbone belongs to --task instance"),
        (["--set=config.sise=64"], "sise is unknown: did you mean size?"),
    ],
)
def test_an_impossible_command_is_refused(
    class_folders: Path,
    run_folder: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    more: list[str],
    message: str,
) -> None:
    given = [str(run_folder / "model.weights.h5") if word == "RUN" else word for word in more]

    assert main([*words(class_folders, tmp_path / "run"), *given]) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("untraced", "undrawn")
def test_a_run_starts_from_the_weights_and_the_config_of_another(
    class_folders: Path, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    write_classes(tmp_path / "data" / "train", 2)
    (tmp_path / "data" / "train" / "red").rename(tmp_path / "data" / "train" / "scarlet")
    weights = str(run_folder / "best.weights.h5")
    common = ["train", "--task", "classify", "--steps", "1", "--weights", weights]

    assert main([*common, "--data", str(class_folders / "train"), "--out", str(tmp_path / "same")]) == 0
    assert "All 7 layers start from best.weights.h5." in capsys.readouterr().out
    assert json.loads((tmp_path / "same" / "run.json").read_text())["config"]["size"] == 32
    others = ["--data", str(tmp_path / "data" / "train"), "--out", str(tmp_path / "other"), "--freeze", "1"]
    assert main([*common, *others]) == 0
    assert "The classes of best.weights.h5 are blue, green, red" in capsys.readouterr().out
    before, after = read_weights(Path(weights)), read_weights(tmp_path / "other" / "model.weights.h5")
    np.testing.assert_array_equal(after["conv_pw_1"]["kernel"], before["conv_pw_1"]["kernel"])
    np.testing.assert_array_equal(after["conv1_bn"]["moving_mean"], before["conv1_bn"]["moving_mean"])
