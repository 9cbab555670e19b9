"""Keras and TensorFlow are imported without what no command needs of them; others can import that later."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
STAND_IN = """
try:
    import matplotlib.pyplot
    import pandas
    import sklearn.base
except ImportError:
    matplotlib = None
"""


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    """A folder with packages that import each other as Keras and TensorFlow do."""
    for name, text in (
        ("keras", "import tensorflow\n" + STAND_IN),
        ("tensorflow", "import keras\n" + STAND_IN),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text(text)
    for path in ("tensorflow/lite/python/util.py", "keras/src/callbacks/orbax_checkpoint.py"):
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text("try:\n    import jax\nexcept ImportError:\n    jax = None\n")
    (tmp_path / "jax.py").touch()
    return tmp_path


def printed_by(script: str, folder: Path) -> list[str]:
    """The lines on standard output of a process that imports Keras lean, then does as `script` says."""
    ended = subprocess.run(
        [sys.executable, "-c", f"from model.commands import lean_keras; lean_keras.import_lean(); {script}"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(REPOSITORY)])},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return ended.stdout.splitlines()


@pytest.mark.parametrize("name", ["keras", "tensorflow"])
def test_plots_and_tables_are_not_imported_with_keras_and_can_be_after_it(stand_ins: Path, name: str) -> None:
    asked = "print([one in sys.modules for one in ('matplotlib', 'pandas', 'sklearn')])"
    script = f"import sys, {name}; {asked}; import matplotlib.figure; print(matplotlib.__name__)"
    assert printed_by(script, stand_ins) == ["[False, False, False]", "matplotlib"]


def test_what_was_imported_before_keras_stays(stand_ins: Path) -> None:
    script = "import sys, matplotlib; import keras; print(sys.modules['matplotlib'] is matplotlib)"
    assert printed_by(script, stand_ins) == ["True"]


@pytest.mark.parametrize("module", ["tensorflow.lite.python.util", "keras.src.callbacks.orbax_checkpoint"])
def test_neither_imports_jax_beside_itself_and_keras_can_run_on_it(stand_ins: Path, module: str) -> None:
    script = f"import {module} as module; print(module.jax); import jax; print(jax.__name__)"
    assert printed_by(script, stand_ins) == ["None", "jax"]
