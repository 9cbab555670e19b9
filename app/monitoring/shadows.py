"""Shadows: the metrics of versions that run in the shadow of others."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)
_COUNTS = (-100, -30, -10, -3, -1, 0, 1, 3, 10, 30, 100)
_SCORES = (-0.5, -0.2, -0.1, -0.05, -0.02, 0.0, 0.02, 0.05, 0.1, 0.2, 0.5)
_SECONDS = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

_COMPARED = ("model", "version", "shadow_version")
_SHADOW = ("model", "shadow_version")


class ShadowMetrics:
    """What shadows report; labels are the model, the version that answered, and the shadow's version."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._figures: Mapping[str, Histogram] = {
            name: Histogram(
                f"maskserve_shadow_{name}", meaning, _COMPARED, buckets=buckets, registry=registry
            )
            for name, meaning, buckets in (
                ("matched", "Share of objects that answer and shadow have in common (IoU 0.5).", _SHARES),
                ("dice", "Dice coefficient of answer and shadow, of semantic models.", _SHARES),
                ("count_difference", "Segments of the shadow minus those of the answer.", _COUNTS),
                ("score_difference", "Mean score of the shadow minus that of the answer.", _SCORES),
                ("seconds", "Seconds of inference of the shadow, if it was not paused.", _SECONDS),
            )
        }

        def counter(name: str, meaning: str, *labels: str) -> Counter:
            return Counter(f"maskserve_shadow_{name}", meaning, labels, registry=registry)

        self._compared = counter(
            "compared_total", "Pictures that a shadow processed and compared.", *_COMPARED
        )
        self._dropped = counter(
            "dropped_total", "Pictures that a shadow did not process, by reason.", *_SHADOW, "reason"
        )
        self._failures = counter("failures_total", "Failures of a shadow, by kind.", *_SHADOW, "kind")
        self._off = Gauge(
            "maskserve_shadow_off",
            "Processes in which a shadow was switched off.",
            _SHADOW,
            multiprocess_mode="livesum",
            registry=registry,
        )

    def compared(self, labels: tuple[str, str, str], figures: Mapping[str, float | None]) -> None:
        """Count a comparison; figures that are None are not known."""
        self._compared.labels(*labels).inc()
        for name, value in figures.items():
            if value is not None:
                self._figures[name].labels(*labels).observe(value)

    def dropped(self, model: str, version: str, reason: str) -> None:
        """Count a picture that the shadow does not process."""
        self._dropped.labels(model, version, reason).inc()

    def failed(self, model: str, version: str, kind: str) -> None:
        """Count a failure: a "crash", a "hang" or an "error"."""
        self._failures.labels(model, version, kind).inc()

    def switched_on(self, model: str, version: str) -> None:
        """Note that the shadow is in use in this process."""
        self._off.labels(model, version).set(0)

    def switched_off(self, model: str, version: str) -> None:
        """Note that the shadow was switched off in this process, because it is broken or keeps failing."""
        self._off.labels(model, version).set(1)
