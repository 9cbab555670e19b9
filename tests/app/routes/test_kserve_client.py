"""KServe's own client against the real server, unchanged, in an environment of its own."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
from server import ROOT, needs_uwsgi, running

KSERVE = ROOT / ".venv" / "kserve" / "bin" / "python"

pytestmark = [
    *needs_uwsgi,
    pytest.mark.skipif(not KSERVE.exists(), reason="the package kserve is not installed: make test does it"),
]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory, png: bytes) -> dict[str, Any]:
    """Of each of its calls."""
    folder = tmp_path_factory.mktemp("kserve")
    (folder / "cells.png").write_bytes(png)
    with running(folder / "log", 0) as server:
        ended = subprocess.run(
            [KSERVE, ROOT / "tests" / "app" / "kserve_calls.py", server.address, folder / "cells.png"],
            capture_output=True,
            text=True,
            timeout=90,
        )
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("call", "is_so"),
    [
        ("live", True),
        ("ready", True),
        ("model ready", True),
        ("other model ready", False),
        ("V1 model ready", True),
    ],
)
def test_it_learns_what_is_ready(outcomes: dict[str, Any], call: str, is_so: bool) -> None:
    assert outcomes[call] is is_so


@pytest.mark.parametrize(
    "call",
    [
        "JSON",
        "JSON, output binary",
        "binary",
        "binary, output binary",
        "V1",
        "V1 image_bytes",
        "V1 text",
    ],
)
def test_a_picture_is_segmented(outcomes: dict[str, Any], call: str) -> None:
    assert [segment["class"] for segment in outcomes[call]] == ["cell", "fibre"], outcomes[call]


@pytest.mark.parametrize(
    ("call", "words"), [("bad parameter", "threshold must be"), ("no such model", "loaded models are: stub")]
)
def test_it_tells_what_an_error_says(outcomes: dict[str, Any], call: str, words: str) -> None:
    assert words in outcomes[call]
