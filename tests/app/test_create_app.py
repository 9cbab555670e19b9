from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from types import ModuleType, SimpleNamespace

import cv2
import pytest
from flask import Flask
from flask.testing import FlaskClient
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import BadSetting, Settings
from model.catalog import UnknownModel
from model.storage.manifest import BundleError

asked_for: dict[str, tuple[str | None, str | None, int | None]] = {}
"""The engine, precision and threads that each model was loaded with."""


class BrokenSegmenter(StubSegmenter):
    def self_test(self) -> None:
        raise RuntimeError("predicts nonsense")


@pytest.fixture
def loadable(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, StubSegmenter]]:
    """What `load` finds, in place of bundles."""
    segmenters: dict[str, StubSegmenter] = {}
    asked_for.clear()

    def find(name: str) -> SimpleNamespace:
        if name not in segmenters:
            raise UnknownModel(f"there is no model {name!r}")
        return segmenters[name].bundle

    def load(
        name: str,
        *,
        engine: str | None,
        precision: str | None,
        threads: int | None,
        tested: bool,
        cache: Path | None,
    ) -> StubSegmenter:
        if tested:
            segmenters[name].self_test()
        asked_for[name] = (engine, precision, threads)
        return segmenters[name]

    monkeypatch.setattr("app.serving.loading.find", find)
    monkeypatch.setattr("app.serving.loading.load", load)
    monkeypatch.setattr("app.serving.loading.share_of_cores", {1: None, 2: 4}.get)
    yield segmenters
    cv2.setNumThreads(-1)  # as many as it likes


def create_loaded_app(settings: Settings) -> Flask:
    app = create_app(settings=settings)
    deadline = time.monotonic() + 5
    while app.test_client().get("/readyz").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return app


def test_the_configured_models_are_loaded_and_the_first_is_the_default(
    loadable: dict[str, StubSegmenter], png: bytes
) -> None:
    loadable.update(a=StubSegmenter("a"), b=StubSegmenter("b"), c=StubSegmenter("c"))
    client = create_loaded_app(Settings(models=("b", "a"))).test_client()
    assert client.get("/readyz").get_json()["models"] == ["b", "a"]
    post = {"data": png, "content_type": "image/png"}
    assert client.post("/api/v1/segment", **post).headers["X-Model"] == "b"
    assert client.post("/api/v1/segment?model=a", **post).headers["X-Model"] == "a"
    assert "b, a" in client.post("/api/v1/segment?model=c", **post).get_json()["detail"]


def test_the_settings_say_how_models_run(loadable: dict[str, StubSegmenter]) -> None:
    loadable.update(a=StubSegmenter("a"))
    create_loaded_app(Settings(models=("a",), engine="openvino", precision="bf16"))
    assert asked_for == {"a": ("openvino", "bf16", None)}


@pytest.mark.parametrize(
    ("settings", "threads"),
    [
        (Settings(models=("a",), processes=2), 4),  # a share of the cores
        (Settings(models=("a",), processes=2, inference_threads=3), 3),  # said, whatever the share
    ],
)
def test_what_an_inference_computes_with_opencv_keeps_to_the_same_threads(
    loadable: dict[str, StubSegmenter], settings: Settings, threads: int
) -> None:
    loadable.update(a=StubSegmenter("a"))
    create_loaded_app(settings)
    assert asked_for == {"a": (None, None, threads)}
    assert cv2.getNumThreads() == threads


def test_a_model_that_there_is_not_names_the_setting(loadable: dict[str, StubSegmenter]) -> None:
    loadable.update(nuclei=StubSegmenter("nuclei"))
    with pytest.raises(BadSetting, match="MASKSERVE_MODELS: there is no model 'nuclie'"):
        create_app(settings=Settings(models=("nuclie",)))


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> Queue[int]:
    """What the process would have ended with."""
    exits: Queue[int] = Queue()
    monkeypatch.setattr("app.serving.loading.os._exit", exits.put)
    return exits


def test_a_model_that_fails_its_self_test_ends_the_process(
    loadable: dict[str, StubSegmenter], exits: Queue[int], caplog: pytest.LogCaptureFixture
) -> None:
    loadable.update(nuclei=BrokenSegmenter("nuclei"))
    client = create_app(settings=Settings(models=("nuclei",))).test_client()
    assert exits.get(timeout=60) == 22
    assert "the model nuclei cannot be served: predicts nonsense" in caplog.text
    assert client.get("/readyz").status_code == 503
    assert client.get("/livez").status_code == 200


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Path]]:
    """The folders in buckets that were fetched, and where to; a bundle's name is its folder's."""
    fetched: list[tuple[str, Path]] = []

    def fetch_bundle(uri: str, into: Path) -> str:
        fetched.append((uri, into))
        return uri.rstrip("/").rpartition("/")[2]

    bucket = ModuleType("app.fetching.gcs")
    bucket.fetch_bundle = fetch_bundle  # type: ignore[attr-defined]
    bucket.NoBundle = BundleError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "app.fetching.gcs", bucket)
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", "/models")
    return fetched


def test_a_model_in_a_bucket_is_fetched_first_and_served_under_its_own_name(
    loadable: dict[str, StubSegmenter], fetched: list[tuple[str, Path]]
) -> None:
    loadable.update(a=StubSegmenter("a"), one=StubSegmenter("one"), two=StubSegmenter("two"))
    client = create_loaded_app(Settings(models=("a", "gs://bucket/one"))).test_client()
    assert client.get("/readyz").get_json()["models"] == ["a", "one"]
    # Vertex AI's folder is served in place of those.
    client = create_loaded_app(Settings(models=("a",), storage_uri="gs://bucket/two")).test_client()
    assert client.get("/readyz").get_json()["models"] == ["two"]
    assert fetched == [("gs://bucket/one", Path("/models")), ("gs://bucket/two", Path("/models"))]


@pytest.mark.parametrize(
    "sources",
    [("a", "gs://bucket/a"), ("gs://bucket/a", "a"), ("gs://b/a", "gs://c/a"), ("gs://b/a", "gs://b/a/")],
)
def test_two_models_of_one_name_end_the_process(
    loadable: dict[str, StubSegmenter],
    fetched: list[tuple[str, Path]],
    exits: Queue[int],
    caplog: pytest.LogCaptureFixture,
    sources: tuple[str, str],
) -> None:
    loadable.update(a=StubSegmenter("a"))
    client = create_app(settings=Settings(models=sources)).test_client()
    assert exits.get(timeout=60) == 22
    assert f"MASKSERVE_MODELS: {sources[1]} has the same name as another of these models, a" in caplog.text
    assert client.get("/readyz").status_code == 503


def test_importing_the_app_loads_no_network_runtime() -> None:
    check = "import app, sys; sys.exit(bool({'tensorflow', 'keras', 'openvino'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def test_no_route_redirects_to_the_host_that_a_caller_names(client: FlaskClient) -> None:
    for rule in client.application.url_map.iter_rules():
        path = (
            rule.rule.replace("<name>", "stub")
            .replace("<path:filename>", "style.css")
            .replace("<version>", "1")
        )
        for near in (path, path + "/", "/" + path, path.rstrip("/") or "/"):
            answer = client.get("/", environ_overrides={"REQUEST_URI": near, "PATH_INFO": near})
            assert not 300 <= answer.status_code < 400, near
