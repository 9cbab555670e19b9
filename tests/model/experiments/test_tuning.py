"""`python -m model tune`: studies that can be stopped, killed, shared and continued."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

pytest.importorskip("optuna", reason="Optuna is not installed: make dev")

from model.__main__ import main
from model.experiments import results
from model.experiments.server import client
from model.training import run_json
from model.training.run_folder import RunFolder

pytestmark = [
    pytest.mark.usefixtures("line", "folder"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

ROOT = Path(__file__).resolve().parents[3]
RECIPE = """
task: line
plan: {steps: 20, warmup_steps: 0, learning_rate: 0.001, average: 0}
search:
  plan.learning_rate: {low: 1e-3, high: 1.0, log: true}
  config.start: [0.0, 1.0]
"""
WORDS = (
    *("tune", "--config", "recipe.yaml", "--data", "data", "--validation", "data"),
    *("--study", "study.journal", "--steps", "4", "--report-every", "2"),
)


@pytest.fixture(autouse=True)
def recipe(folder: Path) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(RECIPE)
    return path


@pytest.fixture
def unplotted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Saves the seconds of plots, which one test draws."""
    monkeypatch.setattr(results, "draw_plots", lambda study: [])


def table() -> list[dict[str, str]]:
    with Path("study-runs/trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_study_finds_better_values_than_the_recipes_and_trains_with_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*WORDS, "--trials", "4", "--train-best", "best"]) == 0

    rows = table()
    assert [row["number"] for row in rows] == list("0123")
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    assert (rows[0]["plan.learning_rate"], rows[0]["config.start"]) == ("0.001", "0.0")  # the recipe's own
    done = [row for row in rows if row["state"] == "complete"]
    best = max(done, key=lambda row: float(row["val_score"]))
    assert float(best["val_score"]) > float(rows[0]["val_score"])
    for name in ("history.png", "importance.png", "parallel.png"):
        assert Path("study-runs", name).read_bytes().startswith(b"\x89PNG")
    assert f"Best of 4: trial {best['number']}, val_score " in capsys.readouterr().out
    asked = run_json.read(Path("best"))
    assert asked is not None
    assert asked["plan"]["steps"] == 20  # the recipe's, where trials had 4
    assert asked["plan"]["learning_rate"] == pytest.approx(float(best["plan.learning_rate"]))
    trial = run_json.read(Path("study-runs/0000"))
    assert trial is not None
    assert trial["plan"]["steps"] == 4


@pytest.mark.usefixtures("unplotted")
def test_trials_report_five_times_if_nothing_says_how_often() -> None:
    words = [*WORDS[: WORDS.index("--report-every")], "--steps", "15", "--trials", "1"]
    assert main(words) == 0
    trial = run_json.read(Path("study-runs/0000"))
    assert trial is not None
    assert trial["plan"]["report_every"] == 3


@pytest.mark.usefixtures("unplotted")
def test_a_study_that_has_its_trials_does_no_more_and_one_asked_for_more_goes_on() -> None:
    assert main([*WORDS, "--trials", "2"]) == 0
    before = Path("study-runs/trials.csv").read_text()
    assert main([*WORDS, "--trials", "2"]) == 0
    assert Path("study-runs/trials.csv").read_text() == before
    assert main([*WORDS, "--trials", "3"]) == 0
    assert Path("study-runs/trials.csv").read_text().startswith(before.rstrip("\r\n"))
    assert len(table()) == 3


@pytest.mark.usefixtures("unplotted")
def test_the_same_seed_gives_the_same_study() -> None:
    assert main([*WORDS, "--trials", "3"]) == 0
    assert main([*WORDS, "--trials", "1", "--study", "other.journal"]) == 0
    assert main([*WORDS, "--trials", "3", "--study", "other.journal"]) == 0  # stopped in between
    first = table()
    Path("other-runs/trials.csv").replace("study-runs/trials.csv")
    for one, other in zip(first, table(), strict=True):
        assert {**one, "seconds": "", "folder": ""} == {**other, "seconds": "", "folder": ""}


@pytest.mark.usefixtures("unplotted")
def test_a_trial_that_fails_is_recorded_and_the_study_goes_on(
    recipe: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe.write_text(RECIPE.replace("config.start: [0.0, 1.0]", "config.kind: [plain, broken]"))
    assert main([*WORDS, "--trials", "4"]) == 0
    states = {row["config.kind"]: row for row in table()}
    assert states["broken"]["state"] == "fail"
    assert "the loss is nan at step 1" in states["broken"]["reason"]
    assert "failed: the loss is nan at step 1" in capsys.readouterr().out


@pytest.mark.usefixtures("unplotted")
def test_a_stopped_trial_is_continued_where_it_was(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    record, seen = RunFolder.record, []

    def record_and_stop(run: RunFolder, step: int, values: Mapping[str, float]) -> None:
        record(run, step, values)
        seen.append((run.folder.name, step))
        if len(seen) == 7:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(RunFolder, "record", record_and_stop)
    assert main([*WORDS, "--trials", "3"]) == 128 + signal.SIGTERM
    assert [row["state"] for row in table()] == ["complete", "running"]
    assert "repeat the command to continue from there" in capsys.readouterr().err

    assert main([*WORDS, "--trials", "3"]) == 0

    assert "Trial 1 (continued)" in capsys.readouterr().out
    assert [step for name, step in seen if name == "0001"] == [1, 2, 3, 4]
    assert [row["number"] for row in table()] == ["0", "1", "2"]
    assert "running" not in {row["state"] for row in table()}


@pytest.mark.usefixtures("unplotted")
def test_trials_that_fall_behind_end_early(recipe: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe.write_text(RECIPE.replace("[0.0, 1.0]", "[2.9, 2.8, 2.7, -50.0]"))
    assert main([*WORDS, "--trials", "10"]) == 0
    pruned = [row for row in table() if row["state"] == "pruned"]
    assert pruned
    assert {row["reason"] for row in pruned} >= {
        "after 2 steps it was worse than the median of the other trials"
    }
    assert "ended early: after " in capsys.readouterr().out
    with Path(pruned[0]["folder"], "history.csv").open() as file:
        assert len(file.readlines()) < 5


@pytest.mark.usefixtures("unplotted")
def test_two_processes_share_a_study_and_a_killed_one_loses_nothing(folder: Path) -> None:
    script = str(Path(__file__).with_name("line_family.py"))
    other = subprocess.Popen(
        [sys.executable, script, *WORDS, "--trials", "8"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 240
    while not Path("study-runs/0000").exists() and other.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    assert other.poll() is None, other.communicate()

    def kill_in_the_third_trial() -> None:
        while not Path("study-runs/0002").exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        other.kill()

    killer = Thread(target=kill_in_the_third_trial)
    killer.start()
    assert main([*WORDS, "--trials", "8"]) == 0
    killer.join()
    other.communicate()

    rows = table()
    assert [int(row["number"]) for row in rows] == list(range(8))
    assert {row["state"] for row in rows} <= {"complete", "pruned"}
    assert len({row["plan.learning_rate"] for row in rows}) == 8  # never the same draw twice


@pytest.mark.usefixtures("unplotted")
def test_each_trial_is_a_run_below_that_of_the_study() -> None:
    assert main([*WORDS, "--trials", "2", "--experiment", "search"]) == 0
    assert main([*WORDS, "--trials", "3", "--experiment", "search"]) == 0
    assert main([*WORDS, "--trials", "4", "--experiment", "others"]) == 1  # and begins no other one

    mlflow = client()
    experiment = mlflow.get_experiment_by_name("search")
    assert experiment is not None
    runs = mlflow.search_runs([experiment.experiment_id])
    trials = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    (parent,) = [run for run in runs if run not in trials]
    assert {run.data.tags["mlflow.parentRunId"] for run in trials} == {parent.info.run_id}
    assert sorted(run.info.run_name for run in trials) == ["0000", "0001", "0002"]
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert "best_val_score" in parent.data.metrics
    assert {one.path for one in mlflow.list_artifacts(parent.info.run_id)} == {"trials.csv"}


@pytest.mark.parametrize(
    ("recipe_text", "more", "told"),
    [
        (RECIPE.partition("search")[0], (), "the recipe has no section search"),
        (RECIPE.replace("plan.learning_rate:", "plan.learning_rat:"), (), "did you mean plan.learning_rate?"),
        (
            RECIPE.replace("plan.learning_rate:", "config.learning_rate:"),
            (),
            "config.learning_rate is unknown: did you mean plan.learning_rate?",
        ),
        (RECIPE.replace("low: 1e-3", "low: 0"), (), "low 0 must be above 0 with log: true"),
        (
            RECIPE.replace("low: 1e-3", "low: 2"),
            (),
            "search.plan.learning_rate: low 2 must be less than high",
        ),
        (RECIPE.replace("high: 1.0", "hihg: 1.0"), (), "hihg is unknown: did you mean high?"),
        (
            RECIPE.replace("low: 1e-3, high: 1.0, log: true", "low: -1, high: 1"),
            (),
            "search.plan.learning_rate: learning_rate -1 must be above 0",
        ),
        (RECIPE.replace("[0.0, 1.0]", "[0.0, high]"), (), "search.config.start: start: "),
        (RECIPE.replace("[0.0, 1.0]", "[0.0]"), (), "search.config.start: give at least two different"),
        (RECIPE.replace("[0.0, 1.0]", "3"), (), "search.config.start 3: give a list of choices, or a range"),
        (RECIPE.replace("config.start", "start"), (), "search.start: give names such as plan.batch_size"),
        (
            RECIPE.replace("config.start: [0.0, 1.0]", "plan.batch_size: [0, 2]"),
            (),
            "search.plan.batch_size: batch_size 0 must be at least 1",
        ),
        (
            RECIPE.replace("config.start: [0.0, 1.0]", "plan.batch_size: [1, 2]"),
            ("--batch-size", "3"),
            "--batch-size sets a value that search.plan.batch_size varies: omit one of them",
        ),
        (
            RECIPE,
            ("--set", "config.start=4"),
            "--set config.start sets a value that search.config.start varies: omit one of them",
        ),
        (
            RECIPE.replace("steps: 20, ", ""),
            ("--train-best", "x"),
            "--train-best trains for the steps of the",
        ),
        (RECIPE, ("--study", "data"), "--study data is a folder: give a file, such as data/study.journal"),
        (RECIPE, ("--study", "recipe.yaml"), "--study recipe.yaml is not a study"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_trial(
    recipe: Path,
    recipe_text: str,
    more: tuple[str, ...],
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe.write_text(recipe_text)
    assert main([*WORDS, "--trials", "2", *more]) == 1
    assert told in capsys.readouterr().err
    assert not Path("study-runs").exists()


def test_without_validation_data_there_is_nothing_to_compare(capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for word in WORDS if word != "--validation"]
    words.remove("data")
    assert main([*words, "--trials", "2"]) == 1
    assert "trials are compared on validation data: give --validation" in capsys.readouterr().err


@pytest.mark.usefixtures("unplotted")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--steps", "6"), "holds a study with --steps 4, not 6: repeat its command"),
        (("--seed", "3"), "holds a study with --seed 0, not 3"),
        ((), "holds a study with another search of config.start"),
    ],
)
def test_another_study_in_the_same_file_is_refused(
    recipe: Path, change: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, "--trials", "1"]) == 0
    if not change:
        recipe.write_text(RECIPE.replace("[0.0, 1.0]", "[0.0, 2.0]"))
    assert main([*WORDS, "--trials", "1", *change]) == 1
    assert told in capsys.readouterr().err


def test_training_ignores_the_search() -> None:
    words: list[Any] = ["train", "--config", "recipe.yaml", "--data", "data", "--out", "run", "--steps", "2"]
    assert main(words) == 0
    assert Path("run/history.csv").exists()
