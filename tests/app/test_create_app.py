from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import cv2
import pytest
from stub_segmenter import StubSegmenter

from app import create_app
from app.settings import BadSetting, Settings
from model.catalog import UnknownModel

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

    def load(
        name: str, *, engine: str | None, precision: str | None, threads: int | None, tested: bool
    ) -> StubSegmenter:
        if name not in segmenters:
            raise UnknownModel(f"there is no model {name!r}")
        if tested:
            segmenters[name].self_test()
        asked_for[name] = (engine, precision, threads)
        return segmenters[name]

    monkeypatch.setattr("app.load", load)
    monkeypatch.setattr("app.share_of_cores", {1: None, 2: 4}.get)
    yield segmenters
    cv2.setNumThreads(-1)  # as many as it likes


def test_the_configured_models_are_loaded_and_the_first_is_the_default(
    loadable: dict[str, StubSegmenter], png: bytes
) -> None:
    loadable.update(a=StubSegmenter("a"), b=StubSegmenter("b"), c=StubSegmenter("c"))
    client = create_app(settings=Settings(models=("b", "a"))).test_client()
    assert client.get("/readyz").get_json()["models"] == ["b", "a"]
    post = {"data": png, "content_type": "image/png"}
    assert client.post("/api/v1/segment", **post).headers["X-Model"] == "b"
    assert client.post("/api/v1/segment?model=a", **post).headers["X-Model"] == "a"
    assert "b, a" in client.post("/api/v1/segment?model=c", **post).get_json()["detail"]


def test_the_settings_say_how_models_run(loadable: dict[str, StubSegmenter]) -> None:
    loadable.update(a=StubSegmenter("a"))
    create_app(settings=Settings(models=("a",), engine="openvino", precision="bf16"))
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
    create_app(settings=settings)
    assert asked_for == {"a": (None, None, threads)}
    assert cv2.getNumThreads() == threads


def test_a_model_that_there_is_not_names_the_setting(loadable: dict[str, StubSegmenter]) -> None:
    loadable.update(nuclei=StubSegmenter("nuclei"))
    with pytest.raises(BadSetting, match="MASKSERVE_MODELS: there is no model 'nuclie'"):
        create_app(settings=Settings(models=("nuclie",)))


def test_a_model_that_fails_its_self_test_is_not_served(loadable: dict[str, StubSegmenter]) -> None:
    loadable.update(nuclei=BrokenSegmenter("nuclei"))
    with pytest.raises(RuntimeError, match="nonsense"):
        create_app(settings=Settings())


def test_importing_the_app_loads_no_network_runtime() -> None:
    check = "import app, sys; sys.exit(bool({'tensorflow', 'keras', 'openvino'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
