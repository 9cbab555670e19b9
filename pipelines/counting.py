"""Counting: the counters and distributions of a run, which Dataflow shows and a local run prints."""

from __future__ import annotations

from apache_beam.metrics import Metrics
from apache_beam.metrics.metric import MetricsFilter
from apache_beam.runners.runner import PipelineResult

from pipelines.rows import Row

_NAMESPACE = "maskserve"
_ERRORS = "errors_"
_TIMED = {"decode": "decode_ms", "infer": "inference_ms"}
"""The stages of a stopwatch that are distributions, and their names."""


class Counting:
    """Counts what is done; made on the worker that does it."""

    def __init__(self) -> None:
        self._images = Metrics.counter(_NAMESPACE, "images")
        self._segments = Metrics.counter(_NAMESPACE, "segments")
        self._errors = Metrics.counter(_NAMESPACE, "errors")
        self._per_image = Metrics.distribution(_NAMESPACE, "segments_per_image")
        self._times = {stage: Metrics.distribution(_NAMESPACE, name) for stage, name in _TIMED.items()}

    def count(self, row: Row, milliseconds: dict[str, float]) -> None:
        """Count a picture: `images` are those that were segmented, `errors` the others."""
        if row["error"]:
            self._errors.inc()
            Metrics.counter(_NAMESPACE, _ERRORS + row["error"]["code"].replace("-", "_")).inc()
            return
        self._images.inc()
        self._segments.inc(len(row["segments"]))
        self._per_image.update(len(row["segments"]))
        for stage, distribution in self._times.items():
            distribution.update(round(milliseconds.get(stage, 0)))


def summary(result: PipelineResult) -> str:
    """What was done, in two lines or, with errors, three."""
    found = result.metrics().query(MetricsFilter().with_namespace(_NAMESPACE))
    counts = {one.key.metric.name: one.result for one in found["counters"]}
    lines = [
        f"{counts.get('images', 0):,} pictures segmented, {counts.get('segments', 0):,} segments, "
        f"{counts.get('errors', 0):,} errors"
    ]
    if kinds := sorted(name for name in counts if name.startswith(_ERRORS)):
        lines.append(
            "errors: " + ", ".join(f"{name.removeprefix(_ERRORS)} {counts[name]:,}" for name in kinds)
        )
    means = {one.key.metric.name: one.result.mean for one in found["distributions"] if one.result.count}
    lines.append(
        ", ".join(f"{name} {means[name]:.0f} on average" for name in _TIMED.values() if name in means)
    )
    return "\n".join(filter(None, lines))
