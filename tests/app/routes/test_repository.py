"""Administrators load and unload versions by KServe's routes; nobody else does."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings
from app.versions.changes import Changes
from model import catalog
from model.storage.manifest import MANIFEST

KEY = "an-administrators-key"
ADMIN = {"X-API-Key": KEY}
ROUTES = ("/v2/repository/index", "/v2/repository/models/stub/load", "/v2/repository/models/stub/unload")


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with version 2 of "stub", and the manifests of nothing else."""
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(tmp_path))
    monkeypatch.setattr(catalog, "SHIPPED", tmp_path / "nothing-shipped")
    manifest = StubSegmenter(version="2", config={"num_classes": 3}).bundle.manifest
    folder = tmp_path / "stub" / "2"
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text(manifest.model_dump_json())
    return tmp_path


@pytest.fixture
def client(models: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A service that has version 1 of "stub" loaded, and loads others without a network."""

    def load(name: str, **_: object) -> StubSegmenter:
        segmenter = StubSegmenter()
        segmenter.bundle = catalog.find(name)  # type: ignore[assignment]
        return segmenter

    monkeypatch.setattr("app.serving.loading.load", load)
    monkeypatch.setattr("app.serving.loading.try_out", lambda *_: None)
    settings = Settings(admin_keys=(KEY,), api_keys=("an-ordinary-callers-key",))
    return create_app({"stub": StubSegmenter()}, settings).test_client()


def test_the_routes_are_off_without_keys_for_administrators() -> None:
    client = create_app({"stub": StubSegmenter()}).test_client()
    for route in ROUTES:
        answer = client.post(route, headers=ADMIN)
        assert answer.status_code == 404
        assert "MASKSERVE_ADMIN_KEYS is not set" in answer.get_json()["error"]
    assert "model_repository" not in client.get("/v2").get_json()["extensions"]


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "an-ordinary-callers-key"}, {"X-API-Key": KEY + "x"}])
@pytest.mark.parametrize("route", ROUTES)
def test_only_administrators_have_the_key(client: FlaskClient, route: str, headers: dict[str, str]) -> None:
    assert client.post(route, headers=headers).status_code == 401


def test_a_key_of_administrators_opens_nothing_else(client: FlaskClient) -> None:
    assert client.get("/api/v1/models", headers=ADMIN).status_code == 401


def test_a_version_is_loaded_listed_and_unloaded(client: FlaskClient) -> None:
    caller = {"X-API-Key": "an-ordinary-callers-key"}
    load, unload = ROUTES[1:]
    assert client.post(ROUTES[0], headers=ADMIN).get_json() == [
        {"name": "stub", "version": "1", "state": "READY"},
        {"name": "stub", "version": "2", "state": "UNAVAILABLE", "reason": "not loaded"},
    ]
    answer = client.post(load, headers=ADMIN, json={"parameters": {"version": "2"}})
    assert answer.get_json() == {"name": "stub", "version": "2", "state": "READY"}
    (listed,) = client.get("/api/v1/models", headers=caller).get_json()["models"]
    assert listed["version"] == "2"
    assert listed["versions"] == [
        {"version": "1", "state": "ready"},
        {"version": "2", "state": "ready"},
    ]
    assert b'maskserve_model_state{model="stub",state="ready",version="2"} 1.0' in client.get("/metrics").data
    answer = client.post("/v2/repository/models/stub@1/unload", headers=ADMIN)
    assert answer.get_json() == {"name": "stub", "versions": ["1"]}
    assert client.post(ROUTES[0], headers=ADMIN, json={"ready": True}).get_json() == [
        {"name": "stub", "version": "2", "state": "READY"}
    ]
    assert client.post(unload, headers=ADMIN).status_code == 409


@pytest.mark.parametrize(
    ("route", "body", "status", "says"),
    [
        ("load", {"parameters": {"version": "7"}}, 404, "There is no version '7' of the model 'stub'"),
        ("load", {"parameters": {"version": 2}}, 400, "version must be a text"),
        ("load", {"parameters": {"version": ""}}, 400, "version must be a text"),
        ("load", {"parameters": {"config": "{}"}}, 400, "only version, not config"),
        ("load", {"parameters": []}, 400, "only parameters"),
        ("load", {"version": "2"}, 400, "only parameters"),
        ("unload", {"parameters": {"version": "2"}}, 404, "stub@2 is not loaded"),
        ("unload", {"parameters": {"unload_dependents": False}}, 409, "all that is loaded"),
    ],
)
def test_what_cannot_be_done_is_told(
    client: FlaskClient, route: str, body: dict[str, object], status: int, says: str
) -> None:
    answer = client.post(f"/v2/repository/models/stub/{route}", headers=ADMIN, json=body)
    assert answer.status_code == status
    assert says in answer.get_json()["error"]


def test_bodies_that_are_too_large_or_no_json_are_refused(client: FlaskClient) -> None:
    assert client.post(ROUTES[1], headers=ADMIN, data=b" " * 70_000).status_code == 413
    assert client.post(ROUTES[1], headers=ADMIN, data=b"{").status_code == 400
    assert client.post(ROUTES[0], headers=ADMIN, json={"ready": "yes"}).status_code == 400
    two = client.post(
        "/v2/repository/models/stub@1/load", headers=ADMIN, json={"parameters": {"version": "2"}}
    )
    assert two.status_code == 400


def test_a_version_is_refused_with_the_reason_and_the_old_one_serves_on(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(name: str, **_: object) -> StubSegmenter:
        raise ValueError("predicts nonsense")

    monkeypatch.setattr("app.serving.loading.load", fail)
    answer = client.post(ROUTES[1], headers=ADMIN)
    assert (answer.status_code, answer.get_json()) == (409, {"error": "predicts nonsense"})
    changes: Changes = client.application.extensions["maskserve"].models.changes
    assert {name: state.state for name, state in changes.states().items()} == {
        "stub@1": "ready",
        "stub@2": "failed",
    }
