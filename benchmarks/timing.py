"""Timing: medians of calls, and a network's stages one by one."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from model.mrcnn.boxes import Floats
from model.segmenter import Engine

WARM_UPS, REPEATS = 1, 5


def median_ms(call: Callable[[], object], repeats: int = REPEATS) -> float:
    """Median wall-clock milliseconds of a call, after a warm-up."""
    times = []
    for _ in range(WARM_UPS + repeats):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[WARM_UPS:])


class TimedStages:
    """Stages that remember how long each call took, in milliseconds by stage."""

    def __init__(self, stages: Engine) -> None:
        self.stages = stages
        self.name = stages.name
        self.precision = stages.precision
        self.milliseconds: dict[str, list[float]] = defaultdict(list)

    def trunk(self, picture: Floats) -> tuple[Any, Floats, Floats]:
        """See `inference.Stages`."""
        return self._timed("trunk", picture)

    def box_head(self, features: Any, rois: Floats) -> tuple[Floats, Floats]:
        """See `inference.Stages`."""
        return self._timed("box_head", features, rois)

    def mask_head(self, features: Any, rois: Floats, class_ids: npt.NDArray) -> Floats:
        """See `inference.Stages`."""
        return self._timed("mask_head", features, rois, class_ids)

    def row(self, what: str, time_ms: float, base_ms: float) -> dict[str, Any]:
        """The row of a table: the whole, its ratio to the base, and each stage's median without warm-ups."""
        return {
            "what": what,
            "median_ms": round(time_ms, 1),
            "ratio": round(base_ms / time_ms, 2),
            "stages_ms": {
                stage: round(statistics.median(times[WARM_UPS:]), 1)
                for stage, times in self.milliseconds.items()
            },
        }

    def _timed(self, stage: str, *inputs: Any) -> Any:
        start = time.perf_counter()
        answer = getattr(self.stages, stage)(*inputs)
        self.milliseconds[stage].append((time.perf_counter() - start) * 1000)
        return answer
