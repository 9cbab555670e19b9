"""A family that trains in a second, and an MLflow of each test's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import line_family
import pytest

from model.families.registry import FAMILIES
from model.training.history import History

if not find_spec("mlflow"):  # not imported yet: that takes each process of a test run a second
    pytest.skip("MLflow is not installed: make dev", allow_module_level=True)


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The family `line` is in the registry; no step is traced and no curve drawn, which take longer."""
    import tensorflow as tf

    monkeypatch.setattr(History, "draw", lambda history, path: line_family.draw(path))
    monkeypatch.setitem(FAMILIES, line_family.TASK, line_family.FAMILY)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's database without runs: to create one takes it seconds."""
    from mlflow import MlflowClient

    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty_database: Path) -> Path:
    """The current folder: MLflow's database is in it, so nothing outside it is touched."""
    monkeypatch.chdir(tmp_path)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "mlflow.db").write_bytes(empty_database.read_bytes())
    (tmp_path / "data").mkdir()
    return tmp_path
