"""What server.py has uWSGI serve: the real app around a model that takes STUB_SECONDS an inference."""

from __future__ import annotations

import os
import time
from types import SimpleNamespace
from typing import Any

from flask import Flask
from stub_segmenter import StubSegmenter, stub_manifest

import app.serving.loading
from app import create_app
from app.configuration.settings import Settings
from model.results.result import Result

_WIDE = 300
_ballast: list[bytes] = []


class MoodySegmenter(StubSegmenter):
    """Takes STUB_WIDE_SECONDS for a wide picture instead, and keeps STUB_BALLAST mebibytes for it.

    Where STUB_GATE names a file, no inference ends before there is one.
    """

    def predict(self, *args: Any, size: tuple[int, int], **how: Any) -> Result:
        if size[0] > _WIDE:
            time.sleep(float(os.environ.get("STUB_WIDE_SECONDS", "0")))
            _ballast.append(b"x" * (int(os.environ.get("STUB_BALLAST", "0")) * 2**20))
        return super().predict(*args, size=size, **how)

    def _infer(self, is_first: bool) -> None:
        super()._infer(is_first)
        _wait_for_file("STUB_GATE")


def create_stub_app() -> Flask:
    return create_app({"stub": _stub()})


def create_loading_app() -> Flask:
    """The app that loads: a model that takes STUB_LOADING seconds, and fails as STUB_FAILURE says.

    Where STUB_LOADED names a file, it is not loaded before there is one.
    """
    app.serving.loading.find = lambda name: SimpleNamespace(manifest=stub_manifest(name))  # type: ignore[assignment,return-value]
    app.serving.loading.load = _load  # type: ignore[assignment]
    return create_app(settings=Settings.from_environment({"MASKSERVE_MODELS": "nuclei", **os.environ}))


def _load(name: str, **wishes: Any) -> StubSegmenter:
    time.sleep(float(os.environ.get("STUB_LOADING", "0")))
    _wait_for_file("STUB_LOADED")
    if failure := os.environ.get("STUB_FAILURE"):
        raise RuntimeError(failure)
    return _stub()


def _wait_for_file(variable: str) -> None:
    """Return when there is the file that the environment names, or at once where it names none."""
    while variable in os.environ and not os.path.exists(os.environ[variable]):
        time.sleep(0.01)


def _stub() -> StubSegmenter:
    return MoodySegmenter(seconds=float(os.environ.get("STUB_SECONDS", "0")))
