"""Timing: how long a model takes, as a whole and stage by stage."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.inference import Features
from model.segmenter import Engine

WARM_UPS, REPEATS = 2, 7


def median_ms(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median wall-clock milliseconds of a call, after warm-ups."""
    times = []
    for _ in range(WARM_UPS + repeats):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[WARM_UPS:])


class TimedStages:
    """Stages that remember how long each call took."""

    def __init__(self, stages: Engine) -> None:
        self.stages = stages
        self.name = stages.name
        self.precision = stages.precision
        self.few_shapes = stages.few_shapes
        self._milliseconds: dict[str, list[float]] = defaultdict(list)

    def trunk(self, picture: Floats) -> tuple[Features, Floats, Floats]:
        """See `inference.Stages`."""
        return self._timed("trunk", picture)

    def box_head(self, features: Features, rois: Floats) -> tuple[Floats, Floats]:
        """See `inference.Stages`."""
        return self._timed("box_head", features, rois)

    def mask_head(self, features: Features, rois: Floats, class_ids: npt.NDArray) -> Floats:
        """See `inference.Stages`."""
        return self._timed("mask_head", features, rois, class_ids)

    def medians_ms(self) -> dict[str, float]:
        """Median milliseconds of each stage, after warm-ups."""
        return {stage: statistics.median(times[WARM_UPS:]) for stage, times in self._milliseconds.items()}

    def _timed(self, stage: str, *inputs: Any) -> Any:
        start = time.perf_counter()
        answer = getattr(self.stages, stage)(*inputs)
        self._milliseconds[stage].append((time.perf_counter() - start) * 1000)
        return answer
