"""An empty folder of models."""

from __future__ import annotations

from pathlib import Path

import pytest

from model import catalog


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty MASKSERVE_MODEL_DIR, with nothing shipped beside it."""
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(folder))
    monkeypatch.setattr(catalog, "SHIPPED", tmp_path / "nothing-shipped")
    return folder
