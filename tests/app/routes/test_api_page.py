"""docs/api.md: each of its examples is run as it stands, against the service with the model that ships."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from app import create_app
from app.configuration.settings import Settings

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```(sh|python|javascript)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
KSERVE = ROOT / ".venv" / "kserve" / "bin" / "python"  # by itself: it wants other versions than the service


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    app = create_app(settings=Settings(predict_route="/predict", feedback="log"))
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def command(language: str, code: str) -> list[str]:
    """What runs an example; skips, saying so, where that is not installed."""
    if language == "sh":  # curl alone takes an error for an answer
        return [
            "bash",
            "-euo",
            "pipefail",
            "-c",
            f'curl() {{ command curl --fail-with-body -sS "$@"; }}\n{code}',
        ]
    if language == "javascript":
        if shutil.which("node") is None:
            pytest.skip("node is not installed")
        return ["node", "--input-type=module", "-e", code]
    if "kserve" not in code:
        return [sys.executable, "-c", code]
    if not KSERVE.exists():
        pytest.skip("the package kserve is not installed: make test does it")
    return [str(KSERVE), "-c", code]


def test_the_page_has_examples_in_every_language() -> None:
    assert {language for language, _ in EXAMPLES} == {"sh", "python", "javascript"}
    assert any("kserve" in code for _, code in EXAMPLES)


@pytest.mark.parametrize(
    ("language", "code"),
    EXAMPLES,
    ids=[f"{language}-{number}" for number, (language, _) in enumerate(EXAMPLES)],
)
def test_the_example_runs(language: str, code: str, port: int, tmp_path: Path) -> None:
    shutil.copy(ROOT / "app" / "static" / "samples" / "fluorescence.png", tmp_path / "cells.png")
    ended = subprocess.run(
        command(language, code.replace("localhost:8080", f"127.0.0.1:{port}")),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr + ended.stdout[:2000]
    kept = re.findall(r" -o (\S+)", code)
    assert all((tmp_path / name).stat().st_size for name in kept)
    if language == "sh" and code.count("curl ") > len(kept):
        assert '"segments":[{' in ended.stdout
    if "overlay.png" in code:
        assert (tmp_path / "overlay.png").read_bytes().startswith(b"\x89PNG")


def test_the_page_has_every_parameter_route_and_status() -> None:
    from app.openapi.document import _PROBLEMS
    from app.requests.parameters import Parameters

    for name in Parameters.model_fields:
        assert f"`{name}`" in PAGE
    for status in _PROBLEMS:
        assert re.search(rf"^\| [0-9, ]*\b{status}\b", PAGE, re.MULTILINE)
    for rule in create_app(segmenters={}, settings=Settings()).url_map.iter_rules():
        if "POST" in (rule.methods or ()) and rule.rule != "/":
            route = re.sub(r"<(\w+:)?name>", "NAME", rule.rule)
            assert route in PAGE or "<version>" in route, route
