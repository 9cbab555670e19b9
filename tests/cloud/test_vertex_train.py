"""scripts/vertex_train.py sends a job that Vertex AI accepts, or says what it would send."""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gcloud_lint import complaints, gcloud_commands
from workspace import Workspace

from scripts import vertex_train

IMAGE = "europe-west1-docker.pkg.dev/p/maskserve/train:2026.11"
ROOT = Path(__file__).parents[2]
NEEDED = ("p", "--image", IMAGE, "--data", "gs://cells/cells/train", "--out", "gs://cells/runs/one/")
TRAIN = ("--", "--config", "model/recipes/nuclei.json", "--set", "plan.average=0.99", "--steps", "9")

KEEP = """#!/bin/sh
for word; do case $word in --config=*) cp "${word#--config=}" "$STAND_INS/job.json";; esac; done
"""


@pytest.fixture
def started(workspace: Workspace) -> Workspace:
    """Where gcloud notes how it is called, and keeps the job's description."""
    workspace.stand_in("gcloud")
    (workspace.path / "model").symlink_to(ROOT / "model")
    keep = workspace.folder / "keep"
    keep.write_text(KEEP)
    keep.chmod(0o755)
    workspace.answer("custom-jobs create", run=[str(keep)])
    return workspace


def run(workspace: Workspace, *words: str) -> Any:
    return workspace.run(sys.executable, "-m", "scripts.vertex_train", *words)


def sent(workspace: Workspace) -> dict[str, Any]:
    return dict(json.loads((workspace.folder / "job.json").read_text()))


def test_a_job_trains_with_the_options_and_keeps_its_run_in_the_bucket(started: Workspace) -> None:
    words = ("--validation", "gs://cells/cells/val", "--name", "cells", "--spot", "--hours", "2.5")
    done = run(started, *NEEDED, *words, "--service-account", "train@p.iam.gserviceaccount.com", *TRAIN)

    assert done.returncode == 0, done.stderr
    (call,) = started.calls("gcloud")
    assert call.startswith(
        "gcloud ai custom-jobs create --project=p --region=europe-west1 --display-name=maskserve-train-cells"
    )
    job = sent(started)
    (pool,) = job["workerPoolSpecs"]
    assert pool["machineSpec"] == {"machineType": "n2-standard-16"}
    container = pool["containerSpec"]
    assert container["imageUri"] == IMAGE
    assert container["command"] == ["python", "-m", "scripts.train_from_bucket"]
    assert container["args"] == [
        *("--name", "cells", "--data", "gs://cells/cells/train", "--validation", "gs://cells/cells/val"),
        *TRAIN[1:],
    ]
    assert job["scheduling"] == {"timeout": "9000s", "restartJobOnWorkerRestart": True, "strategy": "SPOT"}
    assert job["baseOutputDirectory"] == {"outputUriPrefix": "gs://cells/runs/one"}
    assert job["serviceAccount"] == "train@p.iam.gserviceaccount.com"


def test_a_dry_run_prints_exactly_what_would_be_sent_and_sends_nothing(started: Workspace) -> None:
    dry = run(started, *NEEDED, "--dry-run", *TRAIN)

    assert dry.returncode == 0, dry.stderr
    assert started.calls("gcloud") == []
    command, _, rest = dry.stdout.partition("\nwith this FILE:\n")
    printed, _ = json.JSONDecoder().raw_decode(rest)
    run(started, *NEEDED, *TRAIN)
    assert printed == sent(started)
    (called,) = started.commands()
    assert shlex.split(command.removeprefix("would run: "))[:-1] == called[:-1]


Refused = Callable[..., str]


@pytest.fixture
def refused(
    started: Workspace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Refused:
    """Runs the command within this process, which refuses these words; returns what it says of them."""
    monkeypatch.chdir(started.path)
    monkeypatch.setenv("PATH", str(started.folder / "bin"), prepend=os.pathsep)

    def run_within(*words: str) -> str:
        with pytest.raises(SystemExit) as ended:
            vertex_train.main([*NEEDED, *words])
        assert ended.value.code == 2
        assert started.calls() == []
        return capsys.readouterr().err

    return run_within


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--data", "/home/me/cells"),
            "--data /home/me/cells must be a folder in Cloud Storage, such as gs://",
        ),
        (("--out", "gs://B/x"), "--out gs://B/x must be a folder in Cloud Storage"),
        (("--image", "repo/train"), "must have a tag other than latest, or a digest"),
        (("--image", "repo/train:latest"), "must have a tag other than latest"),
        (("--hours", "0"), "--hours 0 must be above 0"),
    ],
)
def test_what_cannot_be_is_refused(refused: Refused, words: tuple[str, ...], told: str) -> None:
    assert told in refused(*words)


STEPS = ("--steps", "9")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--out", "runs/a", *STEPS), "--out is an option of this script: give it before --"),
        (("--data=gs://b/c", *STEPS), "--data is an option of this script"),
        (("--validation", "gs://b/c", *STEPS), "--validation is an option of this script"),
        (("--spot", *STEPS), "--spot is an option of this script"),
        (("--config", "/home/me/cells.yaml", *STEPS), "--config /home/me/cells.yaml: the job has no such"),
        (("--config", "Makefile", *STEPS), "--config Makefile: the job has no such file"),
        (("--weights", "runs/a/best.weights.h5", *STEPS), "--weights runs/a/best.weights.h5: the job has no"),
        (("--stps", "3"), "unrecognized arguments: --stps 3"),
        (("--steps", "many"), "argument --steps: invalid int value: 'many'"),
        ((), "nothing says how long to train: give --steps, such as --steps 5000, or --epochs"),
    ],
)
def test_options_of_training_with_which_a_job_cannot_work_are_refused(
    refused: Refused, words: tuple[str, ...], told: str
) -> None:
    assert f"after --: {told}" in refused("--", *words)


@pytest.mark.parametrize(
    "words",
    [
        ("--epochs", "2.5", "--weights", "gs://b/start.h5"),
        ("--config", "gs://b/recipe.yaml"),
        ("--set", "plan.steps=9", "--weights", "imagenet"),
    ],
)
def test_options_of_training_with_which_a_job_can_work_are_sent(
    started: Workspace, words: tuple[str, ...]
) -> None:
    done = run(started, *NEEDED, "--", *words)

    assert done.returncode == 0, done.stderr
    args = sent(started)["workerPoolSpecs"][0]["containerSpec"]["args"]
    assert tuple(args[-len(words) :]) == words


def test_a_job_that_is_not_created_is_a_failure(started: Workspace) -> None:
    started.answer("custom-jobs create", status=1, err="PERMISSION_DENIED")

    failed = run(started, *NEEDED, *TRAIN)

    assert failed.returncode == 1
    assert "PERMISSION_DENIED" in failed.stderr
    assert "the job was not created" in failed.stderr


def test_gcloud_has_the_command_and_its_options(started: Workspace, tmp_path: Path) -> None:
    run(started, *NEEDED, *TRAIN)

    assert complaints(gcloud_commands(started), tmp_path) == []
