"""The tiny model with compiled stages."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from model.data import DataSet, Sample
from model.publishing import exporting, gauge


class Pictures:
    """Pictures of noise in which nothing is known to be."""

    classes = ["background", "cell", "fibre", "spot"]  # noqa: RUF012 - as DataSet has it

    def __init__(self, images: list[npt.NDArray[np.uint8]]) -> None:
        self.images = images
        self.ids = [str(index) for index in range(len(images))]
        self.kinds: list[str | None] = [None] * len(images)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        nothing = np.zeros((0, 4), np.int32), np.zeros(0, np.int32)
        return Sample(self.ids[index], self.images[index], *nothing, [])


@pytest.fixture(scope="session")
def noise_pictures(noise: Callable[..., npt.NDArray[np.uint8]]) -> DataSet:
    return Pictures([noise(96, 64 + 8 * seed, seed) for seed in range(8)])


@pytest.fixture(scope="session")
def exported_model_dir(
    tmp_path_factory: pytest.TempPathFactory, session_model_dir: Path, noise_pictures: DataSet
) -> Path:
    """A MASKSERVE_MODEL_DIR with the bundle `tiny` in f32 and int8; read it, change nothing in it.

    All processes of a test run share one, since it takes eight seconds to make.
    """
    own = tmp_path_factory.getbasetemp()
    root = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "exported"
    with root.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            _export(session_model_dir, noise_pictures, tmp_path_factory.mktemp("exporting")).rename(root)
    return root


def _export(model_dir: Path, pictures: DataSet, root: Path) -> Path:
    shutil.copytree(model_dir / "tiny", root / "tiny")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MASKSERVE_MODEL_DIR", str(root))
        # Random weights: scores tie, and any rounding changes which twenty are the best.
        for precision in gauge.LARGEST_DISAGREEMENT:
            patch.setitem(gauge.LARGEST_DISAGREEMENT, precision, 1.0)
        exporting.export("tiny", ["int8"], pictures)
    return root


@pytest.fixture
def exported(exported_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the exported bundle; `load` finds it."""
    monkeypatch.setenv("MASKSERVE_MODEL_DIR", str(exported_model_dir))
    return exported_model_dir / "tiny"
