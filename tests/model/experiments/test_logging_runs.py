"""What MLflow knows of a run, however the run ends and whether or not MLflow answers."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from model.__main__ import main
from model.experiments import logging_run, sending
from model.experiments.server import client, shown_uri
from model.experiments.tracked_run import TrackedRun
from model.training.run_folder import RunFolder

if TYPE_CHECKING:  # MLflow is imported when a test runs: see conftest.py
    from mlflow import MlflowClient
    from mlflow.entities import Run

pytestmark = [
    pytest.mark.usefixtures("line", "folder"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

WORDS = (
    *("train", "--task", "line", "--data", "data", "--out", "runs/a", "--experiment", "lines"),
    *("--steps", "6", "--warmup-steps", "0", "--report-every", "3", "--checkpoint-seconds", "0"),
)


@pytest.fixture(autouse=True)
def command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["model/__main__.py", *WORDS])


def the_run() -> Run:
    mlflow = client()
    experiment = mlflow.get_experiment_by_name("lines")
    assert experiment is not None
    (run,) = mlflow.search_runs([experiment.experiment_id])
    return run


def logged(run: Run, name: str) -> list[tuple[int, float]]:
    return [(one.step, one.value) for one in client().get_metric_history(run.info.run_id, name)]


def artifacts(run: Run, folder: str | None = None) -> set[str]:
    return {one.path for one in client().list_artifacts(run.info.run_id, folder)}


def history(folder: str = "runs/a") -> list[list[str]]:
    return [line.split(",") for line in Path(folder, "history.csv").read_text().splitlines()[1:]]


def test_a_run_is_logged_whole() -> None:
    assert main([*WORDS]) == 0

    run = the_run()
    assert (run.info.status, run.info.run_name) == ("FINISHED", "a")
    steps = logged(run, "loss")
    assert [step for step, _ in steps] == [1, 2, 3, 4, 5, 6]
    assert [value for _, value in steps] == pytest.approx([float(row[1]) for row in history()])
    assert [step for step, _ in logged(run, "val_score")] == [3, 6]
    rates = [value for _, value in logged(run, "learning_rate")]
    assert rates == sorted(rates, reverse=True)
    assert run.data.params["plan.learning_rate"] == "0.1"
    assert run.data.params["config.kind"] == "plain"
    tags = run.data.tags
    assert tags["task"] == "line"
    assert tags["data_sha256"] == json.loads(Path("runs/a/run.json").read_text())["data_sha256"] != ""
    assert tags["command"].startswith("python -m model train --task line")
    assert tags["run_folder"] == str(Path("runs/a").resolve())
    assert artifacts(run) == {"history.csv", "losses.png", "predictions", "run.json", "weights"}
    assert artifacts(run, "predictions") == {"predictions/000003.png", "predictions/000006.png"}
    assert artifacts(run, "weights") == {"weights/best.weights.h5", "weights/model.weights.h5"}


def test_without_the_option_nothing_is_logged_or_imported() -> None:
    assert main([word for word in WORDS if word not in ("--experiment", "lines")]) == 0
    assert not Path("runs/a/mlflow.json").exists()


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sends a signal at a step."""
    record = RunFolder.record

    def at(wanted: int) -> None:
        def record_and_stop(run: RunFolder, step: int, values: Mapping[str, float]) -> None:
            record(run, step, values)
            if step == wanted:
                os.kill(os.getpid(), signal.SIGTERM)

        monkeypatch.setattr(RunFolder, "record", record_and_stop)

    return at


def test_a_stopped_run_is_killed_in_mlflow_and_continued_there(stop_after: Any) -> None:
    stop_after(4)
    assert main([*WORDS]) == 128 + signal.SIGTERM
    stopped = the_run()
    assert stopped.info.status == "KILLED"
    assert "weights" not in artifacts(stopped)
    stop_after(0)

    assert main([*WORDS]) == 0

    run = the_run()
    assert (run.info.run_id, run.info.status) == (stopped.info.run_id, "FINISHED")
    assert [step for step, _ in logged(run, "loss")] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in logged(run, "val_score")] == [3, 6]


def test_steps_done_again_keep_their_first_values(stop_after: Any) -> None:
    """Killed after logging, before a checkpoint; on another processor, the figures differ slightly."""
    stop_after(3)
    main([*WORDS])
    stop_after(0)
    run = the_run()
    mlflow = client()
    for step in (4, 5):
        mlflow.log_metric(run.info.run_id, "loss", 77.0, step=step)

    assert main([*WORDS]) == 0

    steps = dict(logged(the_run(), "loss"))
    assert len(logged(the_run(), "loss")) == 6
    assert (steps[4], steps[5]) == (77.0, 77.0)
    assert steps[6] < 77


def test_a_longer_run_stays_one_run_with_its_new_number_of_steps() -> None:
    main([*WORDS])
    assert main([*WORDS, "--steps", "9"]) == 0

    run = the_run()
    assert len(logged(run, "loss")) == 9
    assert (run.data.params["plan.steps"], run.data.tags["steps"]) == ("6", "9")


def test_a_failed_run_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*WORDS, "--set", "config.kind=broken"]) == 1

    run = the_run()
    assert run.info.status == "FAILED"
    assert "the loss is nan at step 1" in run.data.tags["reason"]
    assert "the loss is nan at step 1" in capsys.readouterr().err


def test_training_goes_on_without_mlflow_and_what_was_missed_is_logged_later(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://user:secret@127.0.0.1:9")
        assert main([*WORDS]) == 0
    told = capsys.readouterr().err
    assert "MLflow at http://127.0.0.1:9 does not answer: Connection refused. Training goes on" in told
    assert "Repeat the command when it answers" in told
    assert "secret" not in told
    before = Path("runs/a/model.weights.h5").read_bytes()

    assert main([*WORDS]) == 0

    run = the_run()
    assert run.info.status == "FINISHED"
    assert [value for _, value in logged(run, "loss")] == pytest.approx([float(row[1]) for row in history()])
    assert [step for step, _ in logged(run, "val_score")] == [3, 6]
    assert artifacts(run, "predictions") == {"predictions/000003.png", "predictions/000006.png"}
    assert len(artifacts(run, "weights")) == 2
    assert Path("runs/a/model.weights.h5").read_bytes() == before


def test_an_outage_in_the_middle_leaves_no_gap(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow import MlflowClient

    monkeypatch.setattr(sending, "WAIT_SECONDS", 0.01)
    monkeypatch.setattr(logging_run, "EVERY_SECONDS", 0.0)
    log_batch, failures = MlflowClient.log_batch, [3]

    def fail_at_first(self: MlflowClient, run_id: str, metrics: Any = (), **others: Any) -> Any:
        if metrics and failures[0]:
            failures[0] -= 1
            raise ConnectionError("[Errno 104] Connection reset by peer")
        return log_batch(self, run_id, metrics=metrics, **others)

    monkeypatch.setattr(MlflowClient, "log_batch", fail_at_first)
    assert main([*WORDS]) == 0

    assert failures == [0]
    assert [step for step, _ in logged(the_run(), "loss")] == [1, 2, 3, 4, 5, 6]
    told = capsys.readouterr().err
    assert told.count("Connection reset by peer") == 1
    assert "MLflow answers again" in told


def test_a_resumed_run_is_refused_another_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    main([*WORDS])
    before = Path("runs/a/run.json").read_bytes()

    assert main([*WORDS, "--experiment", "others", "--steps", "9"]) == 1

    error = capsys.readouterr().err
    assert "--experiment others: the run in runs/a belongs to the experiment lines" in error
    assert "repeat the command with --experiment lines, or train a new run in another folder" in error
    assert client().get_experiment_by_name("others") is None
    assert Path("runs/a/run.json").read_bytes() == before
    assert the_run().info.status == "FINISHED"


def test_a_run_whose_record_was_deleted_gets_a_new_one() -> None:
    main([*WORDS])
    first = the_run().info.run_id
    client().delete_run(first)
    assert main([*WORDS]) == 0
    run = the_run()
    assert run.info.run_id != first
    assert len(logged(run, "loss")) == 6
    assert json.loads(Path("runs/a/mlflow.json").read_text())["run_id"] == run.info.run_id


def test_what_mlflow_refuses_is_refused_before_the_first_step(capsys: pytest.CaptureFixture[str]) -> None:
    mlflow = client()
    mlflow.delete_experiment(mlflow.create_experiment("lines"))
    assert main([*WORDS]) == 1
    assert "the experiment lines was deleted in MLflow: choose another name" in capsys.readouterr().err
    assert not Path("runs/a").exists()


def test_processor_and_memory_are_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    main([*WORDS])
    tracked = TrackedRun("lines", Path("runs/a"), {}, lambda step: 0.1, {})
    tracked.connect()
    tracked.log_system()
    tracked.log_system()
    metrics = the_run().data.metrics
    assert 0 <= metrics["system/cpu_utilization_percentage"] <= 100
    assert metrics["system/system_memory_usage_megabytes"] > 0
    assert [step for step, _ in logged(the_run(), "system/cpu_utilization_percentage")] == [0, 1]


def test_passwords_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example.com/x")
    assert shown_uri() == "https://mlflow.example.com/x"
