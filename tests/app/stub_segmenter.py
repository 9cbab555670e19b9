"""A segmenter without a network: two segments for every picture, after a wait that tests control."""

from __future__ import annotations

import dataclasses
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt

from model.families.family import Turn
from model.pictures.familiarity import MEASURES, Kind, KnownPictures
from model.results.result import Result, Wishes
from model.results.segments import Segments
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest

_NO_PICTURE = -1000.0
"""Of each measure: no picture comes near it."""

NOTHING_FAMILIAR = KnownPictures(
    usual_distance=0,
    kinds={
        "none": Kind(
            pictures=1,
            mean=dict.fromkeys(MEASURES, _NO_PICTURE),
            inverse_covariance=np.eye(len(MEASURES)).tolist(),
        )
    },
)
"""What a model knows that doubts every picture, but for an empty one."""


BASELINE = {
    "pictures": 40,
    "histograms": {
        "brightness": {"edges": [0, 100, 200], "counts": [0, 20, 20, 0]},
        "familiarity": {"edges": [0.5, 1.01], "counts": [0, 40, 0]},
        "count": {"edges": [1, 2, 3], "counts": [0, 20, 20, 0]},
        "area": {"edges": [1e-6, 1e-2, 1], "counts": [0, 20, 20, 0]},
    },
}
"""Of a stub that is validated on pictures of all grey levels below 200, of one object or two each."""


def stub_manifest(name: str = "stub", **values: Any) -> Manifest:
    """A manifest of a model that finds cells and fibres; `values` go before its own."""
    return Manifest.model_validate(
        {
            "name": name,
            "version": "1",
            "task": "instance",
            "classes": ["background", "cell", "fibre"],
            "licence": "CC0-1.0",
            "source": "made up",
            "threshold": 0.5,
            "description": "Nothing that is there.",
            "quality": {"all": {"AP50": 0.8, "images": 10}},
            "baseline": BASELINE,
            "config": {},
            "weights": "none.h5",
            "files": {"none.h5": "0" * 64},
            **values,
        }
    )


class StubSegmenter:
    """Finds a cell and a fibre in every picture of at least 8 x 8 pixels.

    Attributes:
        may_finish: an inference waits until this is set (it is, unless a test clears it).
        running: released once for each inference that started.
        calls: the keyword arguments of each inference.
        image_shapes: the shape of the pixels of each inference.
        failure: what an inference raises instead of answering.
        tiles: in how many a picture goes through.
        self_tests: how many there have been.
        self_test_failure: what a self-test raises.
    """

    engine = "stub"
    precision = "f32"

    def __init__(self, name: str = "stub", seconds: float = 0.0, **manifest: Any) -> None:
        self.bundle = SimpleNamespace(folder=Path(name), manifest=stub_manifest(name, **manifest))
        self.input_policy: dict[str, Any] = {"max_side": 512}
        self.seconds = seconds
        self.may_finish = threading.Event()
        self.may_finish.set()
        self.running = threading.Semaphore(0)
        self.calls: list[dict[str, Any]] = []
        self.image_shapes: list[tuple[int, ...]] = []
        self.failure: Exception | None = None
        self.tiles = 1
        self.self_tests = 0
        self.self_test_failure: Exception | None = None
        self._alone = threading.Lock()

    def self_test(self) -> None:
        assert self._alone.acquire(blocking=False), "a self-test beside an inference"
        try:
            self.self_tests += 1
            if self.self_test_failure:
                raise self.self_test_failure
        finally:
            self._alone.release()

    def enough(self, size: tuple[int, int]) -> tuple[int, int]:
        """What a network that sees at most 128 pixels a side needs."""
        scale = min(1.0, 128 / max(size))
        return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))

    def work(self, size: tuple[int, int]) -> int:
        """What a network sees that looks at every pixel once."""
        return size[0] * size[1]

    def predict(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Wishes,
        *,
        size: tuple[int, int],
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> Result:
        self.calls.append(dataclasses.asdict(wishes))
        self.image_shapes.append(image.shape)
        for tile in range(self.tiles):
            with turn(), stopwatch.measure("infer"):
                self._infer(is_first=tile == 0)
        if self.failure:
            raise self.failure
        with stopwatch.measure("masks"):
            segments = Segments(
                size=size,
                boxes=np.array([[1, 2, 5, 8], [0, 0, 3, 3]], np.int32),
                class_ids=np.array([1, 2], np.int32),
                scores=np.array([0.9, 0.6], np.float32),
                masks=[np.ones((6, 4), np.uint8), np.eye(3, dtype=np.uint8)],
            )
            most = self.bundle.manifest.most_segments(wishes, size)
            kept = segments.select(np.arange(min(most, len(segments))))
            return Result(kept, left_out=len(segments) - len(kept))

    def _infer(self, is_first: bool) -> None:
        assert self._alone.acquire(blocking=False), "two inferences at once"
        try:
            if is_first:
                self.running.release()
            time.sleep(self.seconds / self.tiles)
            assert self.may_finish.wait(20)
        finally:
            self._alone.release()
