"""What the tests of builds and of setting up have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspace import Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One of the test's own."""
    return Workspace.below(tmp_path)
