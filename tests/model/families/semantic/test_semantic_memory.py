"""A large picture with many classes takes little memory besides its own pixels."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from networks import FunctionRunner, manifest, predictor_of

from model.result import Wishes
from model.stopwatch import Stopwatch

WIDTH, HEIGHT, CLASSES = 3000, 2000, 20
PIXELS = WIDTH * HEIGHT
ALL_PROBABILITIES = 4 * CLASSES * PIXELS  # 480 MB, were they all there at once


@pytest.mark.parametrize("split", ["class", "parts"])
@pytest.mark.parametrize(
    "config",
    [
        {"size": (256, 256), "fit": "scale"},
        {"size": (256, 256), "fit": "tile", "tile_overlap": 32},
        {"size": (256, 256), "fit": "scale", "refine_edges": True},
    ],
)
def test_a_large_picture_takes_little_memory(config: dict[str, Any], split: Any) -> None:
    """Counted by NumPy; OpenCV's own arrays, a few strips, are not."""
    coarse = np.random.default_rng(0).random((1, 256, 256, CLASSES), np.float32)
    runner = FunctionRunner(lambda picture: coarse)
    names = [f"class {index}" for index in range(1, CLASSES)]
    predictor = predictor_of(runner, manifest({"gives": "classes", "background": 0} | config, names))
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)

    tracemalloc.start()
    try:
        result = predictor.predict(
            image,
            Wishes(threshold=0, split=split, min_area=200),
            size=(WIDTH, HEIGHT),
            stopwatch=Stopwatch(),
            before_each_tile=lambda: None,
        )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert len(np.unique(result.class_map.labels)) == CLASSES if result.class_map else False
    assert peak < 0.3 * ALL_PROBABILITIES
