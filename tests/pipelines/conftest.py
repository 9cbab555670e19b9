"""Bulk runs with Beam's local runner, in the environment that `make bulk` sets up."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from bulk_runs import PYTHON, ROOT, Bulk, command


@pytest.fixture(scope="session", autouse=True)
def environment() -> None:
    if not PYTHON.exists():
        pytest.skip("Apache Beam's environment is missing: make bulk sets it up")


@pytest.fixture(scope="session")
def bulk() -> Bulk:
    """Runs the pipeline, with further variables of the environment as keyword arguments."""

    def run(*words: str | Path, **variables: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **variables}
        return subprocess.run(command(*words), cwd=ROOT, env=environment, capture_output=True, text=True)

    return run
