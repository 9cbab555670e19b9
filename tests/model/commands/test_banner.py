"""TensorFlow's news about its own build does not greet whoever runs a command; what goes wrong does."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
STAND_IN = """
import os
import sys

os.write(2, b"WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\\n")
os.write(2, b"I0000 00:00:1796005785.527404   32296 port.cc:153] oneDNN custom operations are on.\\n")
os.write(2, b"E0000 00:00:1796005785.527404   32296 device.cc:1] no memory\\n")
print("a warning of Python's", file=sys.stderr)
if os.environ.get("ENDS"):
    os.write(2, b"F0000 00:00:1796005785.527404   32296 cpu.cc:1] this processor has no AVX\\n")
    os.abort()
"""


def said_by(script: str, folder: Path | None = None, **environment: str) -> list[str]:
    """The lines on standard error of a process that silences the banner, then does as `script` says."""
    paths = [str(path) for path in (folder, REPOSITORY) if path]
    inherited = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    ended = subprocess.run(
        [sys.executable, "-c", f"from model.commands import banner; banner.silence(); {script}"],
        env={**inherited, **environment, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return ended.stderr.splitlines()


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder with a package that says what TensorFlow does."""
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").write_text(STAND_IN)
    return tmp_path


def test_tensorflow_itself_says_nothing() -> None:
    assert said_by("import importlib.util as i; i.find_spec('tensorflow'); import tensorflow as tf") == []


@pytest.mark.parametrize("level", [{}, {"TF_CPP_MIN_LOG_LEVEL": "3"}])
def test_news_is_kept_back_and_all_else_comes(stand_in: Path, level: dict[str, str]) -> None:
    said = said_by("import tensorflow; import sys; print('later', file=sys.stderr)", stand_in, **level)

    assert [line[:5] for line in said] == ["E0000", "a war", "later"]


def test_what_ends_the_process_is_still_said(stand_in: Path) -> None:
    assert "F0000" in [line[:5] for line in said_by("import tensorflow", stand_in, ENDS="1")]


def test_who_asks_for_all_gets_all(stand_in: Path) -> None:
    assert len(said_by("import tensorflow", stand_in, TF_CPP_MIN_LOG_LEVEL="0")) == 4
