"""Bulk runs: the command of one, pictures for it, and the rows that it writes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.dataset

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv" / "bulk" / "bin" / "python"
MODULE = "pipelines.segment_images"

Bulk = Callable[..., subprocess.CompletedProcess[str]]
"""Runs the pipeline: the fixture `bulk`."""


def command(*words: str | Path) -> list[str]:
    """The command of a run in one process, which starts sooner than several."""
    return [str(PYTHON), "-m", MODULE, "--direct_num_workers=1", *map(str, words)]


def cells(width: int, height: int, seed: int) -> bytes:
    """A PNG with bright discs, which the model takes for nuclei."""
    random = np.random.default_rng(seed)
    image = random.normal(15, 3, (height, width))
    for x, y in random.uniform((20, 20), (width - 20, height - 20), (4, 2)).astype(int).tolist():
        cv2.ellipse(image, (x, y), (12, 9), 30, 0, 360, 160, -1)
    return cv2.imencode(".png", cv2.GaussianBlur(image, (0, 0), 1.2).clip(0, 255).astype(np.uint8))[
        1
    ].tobytes()


def all_rows(folder: Path) -> list[dict[str, Any]]:
    """The rows of all tables in a folder."""
    found: list[dict[str, Any]] = pyarrow.dataset.dataset(folder, format="parquet").to_table().to_pylist()
    return found


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    """The rows of all tables in a folder by the name of their picture, none of which may come twice."""
    found = all_rows(folder)
    by_name = {row["uri"].rpartition("/")[2]: row for row in found}
    assert len(by_name) == len(found), "a picture has several rows"
    return by_name
