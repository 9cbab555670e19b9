from __future__ import annotations

import numpy as np
import pytest

from model.results.segments import Segments


@pytest.fixture
def segments() -> Segments:
    """Two segments of a picture of 10 x 8 pixels; they overlap in the four pixels at x 2-3, y 1-2."""
    return Segments(
        size=(10, 8),
        boxes=np.array([[0, 0, 4, 3], [2, 1, 10, 8]], np.int32),
        class_ids=np.array([2, 1], np.int32),
        scores=np.array([0.98766, 0.5], np.float32),
        masks=[np.ones((3, 4), np.uint8), np.ones((7, 8), np.uint8)],
    )


@pytest.fixture
def class_names() -> list[str]:
    return ["background", "cell", "traffic light"]
