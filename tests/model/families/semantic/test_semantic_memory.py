"""A large picture with many classes takes little memory besides its own pixels."""

from __future__ import annotations

import tracemalloc
from contextlib import nullcontext
from typing import Any

import cv2
import numpy as np
import pytest
from networks import FunctionRunner, manifest, predictor_of

from model.results.result import Wishes
from model.stopwatch import Stopwatch

WIDTH, HEIGHT, CLASSES = 2000, 1500, 20
PIXELS = WIDTH * HEIGHT
ALL_PROBABILITIES = 4 * CLASSES * PIXELS  # 240 MB, were they all there at once


@pytest.mark.parametrize(
    ("config", "split"),
    [
        ({"size": (256, 256), "fit": "scale"}, "class"),
        ({"size": (256, 256), "fit": "scale", "refine_edges": True}, "class"),
        ({"size": (256, 256), "fit": "scale", "look_again": True, "mirror": True}, "class"),
        ({"size": (256, 256), "fit": "tile", "tile_overlap": 32}, "parts"),
    ],
)
def test_a_large_picture_takes_little_memory(config: dict[str, Any], split: Any) -> None:
    """Counted by NumPy; OpenCV's own arrays, a few strips, are not."""
    spots = np.random.default_rng(0).random((CLASSES, 8, 8), np.float32)
    answer = np.stack([cv2.resize(plane, (256, 256)) for plane in spots], axis=-1)[np.newaxis]
    runner = FunctionRunner(lambda picture: answer)
    names = [f"class {index}" for index in range(1, CLASSES)]
    predictor = predictor_of(runner, manifest({"gives": "classes", "background": 0} | config, names))
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    tracemalloc.start()
    try:
        result = predictor.predict(
            image,
            Wishes(threshold=0, split=split, max_segments=50, min_area=50),
            size=(WIDTH, HEIGHT),
            stopwatch=Stopwatch(),
            turn=nullcontext,
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert result.class_map is not None
    assert len(result.class_map.mean_probabilities) == CLASSES - 1
    assert peak < 0.4 * ALL_PROBABILITIES
