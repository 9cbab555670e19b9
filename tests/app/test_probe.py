"""The probe of the container, run as the Dockerfile runs it, beside a real uWSGI."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from server import ROOT, needs_uwsgi, started, wait_until


def probe(**environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", "app/probe.py"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("name", ["PORT", "AIP_HTTP_PORT"])
def test_where_nobody_answers_it_fails_and_says_on_which_port(name: str) -> None:
    found = probe(**{name: "1"})
    assert found.returncode == 1
    assert "port 1 does not answer" in found.stdout


class TestBesideTheService:
    pytestmark = needs_uwsgi

    def test_it_fails_until_the_models_are_loaded(self, tmp_path: Path) -> None:
        loaded = tmp_path / "loaded"
        module = "stub_server:create_loading_app()"
        with started(tmp_path / "log", module=module, STUB_LOADED=str(loaded)) as server:
            wait_until(server.answers, 30)
            loading = probe(PORT=str(server.port))
            assert loading.returncode == 1
            assert "still being loaded" in loading.stdout
            loaded.touch()
            wait_until(lambda: probe(PORT=str(server.port)).returncode == 0, 60)

    def test_vertex_ai_names_the_port_before_others_do(self, tmp_path: Path) -> None:
        with started(tmp_path / "log") as server:
            wait_until(lambda: probe(AIP_HTTP_PORT=str(server.port), PORT="1").returncode == 0, 30)
