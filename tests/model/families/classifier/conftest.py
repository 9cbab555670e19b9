"""Data of coloured pictures, and training without traces."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest
import tensorflow as tf
from coloured_classes import write_classes


@pytest.fixture(scope="session")
def class_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `train`, with 5 pictures of each colour, and `val`, with 3."""
    folder = tmp_path_factory.mktemp("classes")
    write_classes(folder / "train", 5)
    write_classes(folder / "val", 3, seed=1)
    return folder


@pytest.fixture
def untraced() -> Iterator[None]:
    """TensorFlow runs a training step as it is written: to trace one takes as long as a dozen of them."""
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
