"""At start, the newest version is loaded, or else the one before it, and this is told."""

from __future__ import annotations

import time
from pathlib import Path
from queue import Queue

import pytest
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter
from versions.bundles import break_manifest, make, open_stub

from app import create_app
from app.configuration.settings import Settings
from app.configuration.traffic import Version, shadows_in
from model.storage.manifest import MANIFEST


@pytest.fixture
def exits(models: Path, monkeypatch: pytest.MonkeyPatch) -> Queue[int]:
    """What the process would have ended with; bundles are loaded without a network."""

    def load(name: str, **_: object) -> StubSegmenter:
        segmenter = open_stub(name).segmenter
        assert isinstance(segmenter, StubSegmenter)
        return segmenter

    exits: Queue[int] = Queue()
    monkeypatch.setattr("app.serving.loading.os._exit", exits.put)
    monkeypatch.setattr("app.serving.loading.load", load)
    monkeypatch.setattr("app.serving.loading.try_out", lambda *_: None)
    return exits


def start(*models: str, shadow: tuple[Version, ...] = ()) -> FlaskClient:
    client = create_app(settings=Settings(models=models, shadow=shadow, shadow_share=0)).test_client()
    deadline = time.monotonic() + 10
    while client.get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return client


def versions(client: FlaskClient) -> dict[str, str]:
    (model,) = client.get("/api/v1/models").get_json()["models"]
    return {one["version"]: one["state"] for one in model["versions"]}


def test_the_newest_is_loaded(exits: Queue[int]) -> None:
    make("9")
    make("10")
    assert versions(start("cells")) == {"10": "ready"}


@pytest.mark.parametrize("how", ["self-test", "hash", "manifest", "deep manifest", "classes"])
def test_the_one_before_is_loaded_if_the_newest_cannot_be_served(
    exits: Queue[int], how: str, caplog: pytest.LogCaptureFixture
) -> None:
    make("1")
    values = {"self-test": {"description": "broken"}, "classes": {"classes": ["background", "fibre", "cell"]}}
    folder = make("2", **values.get(how, {}))
    if how == "hash":
        (folder / "model.weights.h5").write_bytes(b"Weights")
    if how == "manifest":
        break_manifest(folder)
    if how == "deep manifest":
        (folder / MANIFEST).write_text("[" * 100_000)
    client = start("cells")
    assert versions(client) == {"1": "ready", "2": "failed"}
    assert "the version cells@2 is refused" in caplog.text
    (model,) = client.get("/api/v1/models").get_json()["models"]
    assert model["version"] == "1"


@pytest.mark.parametrize(("others", "answers"), [(("1", "2"), "2"), ((), "3")])
def test_a_version_in_the_shadow_does_not_answer_if_there_is_another(
    exits: Queue[int], others: tuple[str, ...], answers: str
) -> None:
    for version in (*others, "3"):
        make(version)
    assert versions(start("cells", shadow=shadows_in("cells@3"))) == {answers: "ready"}


def test_the_service_does_not_start_if_no_version_can_be_served(
    exits: Queue[int], caplog: pytest.LogCaptureFixture
) -> None:
    make("1", description="broken")
    make("2", description="broken")
    create_app(settings=Settings(models=("cells",)))
    assert exits.get(timeout=60) == 22
    assert "the model cells cannot be served: model cells fails its self-test" in caplog.text


def test_versions_that_the_settings_name_are_loaded_and_mean_the_name(exits: Queue[int]) -> None:
    for version in ("1", "2", "3"):
        make(version)
    client = start("cells@1", "cells@2")
    assert versions(client) == {"1": "ready", "2": "ready"}
    (model,) = client.get("/api/v1/models").get_json()["models"]
    assert model["version"] == "2"


def test_a_version_that_the_settings_name_has_no_other_before_it(exits: Queue[int]) -> None:
    make("1")
    make("2", description="broken")
    create_app(settings=Settings(models=("cells@2",)))
    assert exits.get(timeout=60) == 22


def test_traffic_is_followed_also_if_the_settings_name_all_versions(exits: Queue[int], models: Path) -> None:
    make("1")
    make("2")
    (models / "traffic.json").write_text('{"traffic": "cells@1=30,cells@2=70"}')
    app = create_app(settings=Settings(models=("cells@1", "cells@2"), model_poll=60))
    deadline = time.monotonic() + 20
    while app.test_client().get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert str(app.extensions["maskserve"].traffic.now.split) == "cells@1=30,cells@2=70"
