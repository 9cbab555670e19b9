"""Metrics: what the service counts, for Prometheus; docs/monitoring.md explains each metric."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import prometheus_client
from flask import Flask, Response, current_app, g
from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.monitoring import counts, current_request
from app.monitoring.current_request import Picture, Record
from app.monitoring.drift import Windows
from app.monitoring.loaded import LoadedModel, info_of, share_of, state_of
from app.monitoring.processes import Processes, Usage
from app.monitoring.shadows import ShadowMetrics

logger = logging.getLogger(__name__)

_EXTENSION = "maskserve_metrics"

# Histogram buckets, from a probe's milliseconds to the longest time that a request may take.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 240)
_SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_BYTES = tuple(4**power for power in range(5, 14))  # 1 KiB to 64 MiB
_PIXELS = (1e4, 1e5, 2.5e5, 1e6, 2.5e6, 5e6, 1e7, 2.5e7, 5e7, 1e8)


class Metrics:
    """The metrics of one process, and of those that share PROMETHEUS_MULTIPROC_DIR with it.

    Labels have few values, all defined by the service: callers cannot create new ones.

    Attributes:
        shares: returns the model, the version and the share in per cent of each version that callers are
            split among.
        shadows: the metrics of shadows.
    """

    def __init__(
        self,
        loaded: Callable[[], Iterable[LoadedModel]],
        states: Callable[[], Iterable[tuple[str, str, str]]],
        processes: Processes | None,
        drift_window: int,
    ) -> None:
        """Create the metrics.

        Args:
            loaded: returns the versions of models that are loaded by now.
            states: returns all versions that are or were to be loaded: model, version and state.
            processes: the processes to count together; None: this one counts alone.
            drift_window: how many of this process's last pictures are compared with validation pictures.
        """
        disable_created_metrics()  # a second series for each metric, which nobody uses
        self._processes = processes
        self._loaded = loaded
        self._version_states = states
        self.shares: Callable[[], Iterable[tuple[str, str, float]]] = tuple
        self.registry = registry = CollectorRegistry()

        def counter(name: str, meaning: str, *labels: str) -> prometheus_client.Counter:
            return prometheus_client.Counter(f"maskserve_{name}", meaning, labels, registry=registry)

        def histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"maskserve_{name}", meaning, labels, buckets=buckets, registry=registry)

        def gauge(name: str, meaning: str) -> Gauge:
            made = Gauge(f"maskserve_{name}", meaning, multiprocess_mode="livesum", registry=registry)
            made.set(0)
            return made

        # Locked, so that no other process reads a half-written file.
        with self._processes.alone() if self._processes else nullcontext():
            self._requests = counter("requests_total", "Requests answered.", "route", "method", "status")
            self._request_seconds = histogram(
                "request_seconds", "Seconds from a request's headers to its answer.", _SECONDS, "route"
            )
            self._in_flight = gauge("requests_in_flight", "Requests being answered, except probes.")
            self._refusals = counter(
                "refusals_total", "Requests, or images of a batch, that were refused.", "reason"
            )
            self._states = {
                "arriving": gauge("uploads_arriving", "Requests being received or fetching an image."),
                "waiting": gauge("queue_depth", "Images waiting for their inference or their next tile."),
                "running": gauge("inferences_running", "Running inferences, each of an image or a tile."),
            }
            self._stage_seconds = histogram(
                "stage_seconds",
                "Seconds that each stage of an image took.",
                _SECONDS,
                *("model", "version", "stage"),
            )
            self._answered = counter(
                "images_answered_total",
                "Images answered, by version and who chose it.",
                *("model", "version", "chosen_by"),
            )
            self._segments = counter("segments_total", "Segments found.", "model", "version", "class")
            self._scores = histogram("score", "Scores of the segments found.", _SCORES, "model", "version")
            self._image_bytes = histogram("image_bytes", "Sizes of image files, in bytes.", _BYTES)
            self._image_pixels = histogram("image_pixels", "Width times height of images.", _PIXELS)
            self._self_tests = counter(
                "self_tests_total", "Self-tests run because requests had failed, by outcome.", "outcome"
            )
            for outcome in ("passed", "failed"):
                self._self_tests.labels(outcome)
            self._feedback = counter("feedback_total", "Feedback recorded, by verdict.", "verdict")
            for verdict in ("right", "wrong"):
                self._feedback.labels(verdict)
            self._windows = Windows(drift_window, registry)
            counter("processes_started_total", "Processes started, including replacements.").inc()
            self.shadows = ShadowMetrics(registry)

    def watch(self, state: str) -> AbstractContextManager[object]:
        """Count one more "arriving", "waiting" or "running" for the length of the `with` block."""
        return self._states[state].track_inprogress()

    def self_test(self, outcome: str) -> None:
        """Count a self-test that "passed" or "failed"."""
        self._self_tests.labels(outcome).inc()

    def feedback(self, verdict: str) -> None:
        """Count feedback that was recorded: "right" or "wrong"."""
        self._feedback.labels(verdict).inc()

    def begin(self) -> None:
        """Count a request that has arrived."""
        if not current_request.is_probe():
            g.in_flight = self._in_flight
            self._in_flight.inc()

    def answer(self, record: Record, status: int) -> None:
        """Count a request that was answered with `status`."""
        route = current_request.route()
        self._requests.labels(route, current_request.method(), str(status)).inc()
        self._request_seconds.labels(route).observe(record.seconds())
        for reason in record.refusals:
            self._refusals.labels(reason).inc()
        for picture in record.pictures:
            self._count(picture)

    def _count(self, picture: Picture) -> None:
        self._image_bytes.observe(picture.bytes)
        for stage, milliseconds in picture.stopwatch.milliseconds.items():
            self._stage_seconds.labels(picture.model, picture.version, stage).observe(milliseconds / 1000)
        if picture.size is None:  # it was refused before it was segmented
            return
        width, height = picture.size
        self._image_pixels.observe(width * height)
        self._answered.labels(picture.model, picture.version, picture.chosen_by).inc()
        for class_id, number in Counter(picture.class_ids.tolist()).items():
            self._segments.labels(picture.model, picture.version, picture.classes[class_id]).inc(number)
        scores = self._scores.labels(picture.model, picture.version)
        for score in picture.scores.tolist():
            scores.observe(score)
        self._windows.count(picture.model, picture.version, picture.bins)

    def exposition(self) -> bytes:
        """The current metrics of all processes, in Prometheus' text format; see `current`."""
        return generate_latest(_Collected(self.current()))

    def current(self) -> list[Metric]:
        """The current metrics of all processes.

        If the processes' folder is missing or cannot be read, the metrics of this process only.
        """
        if self._processes is not None:
            try:
                return self._of_all(self._processes)
            except OSError as error:
                logger.warning(
                    "/metrics covers this process only, because PROMETHEUS_MULTIPROC_DIR cannot be read: %s",
                    error,
                )
        return self._collect(self.registry, [os.getpid()])

    def _of_all(self, processes: Processes) -> list[Metric]:
        with processes.alone():
            living = processes.living()
            together = CollectorRegistry()
            MultiProcessCollector(together, str(processes.folder))
            return self._collect(together, living)

    def _collect(self, counted: CollectorRegistry, processes: list[int]) -> list[Metric]:
        loaded = list(self._loaded())
        return [
            *self._windows.judged(counted.collect(), [one.manifest for one in loaded]),
            *Usage(processes).collect(),
            info_of(loaded),
            state_of(self._version_states()),
            share_of(self.shares()),
        ]


def join_processes() -> Processes | None:
    """Join the processes that share metrics; None if this process counts alone, as with a full disk."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")  # prometheus_client reads the same variable
    if not folder:
        return None
    try:
        return Processes(Path(folder))
    except OSError as error:
        logger.warning(
            "this process keeps its metrics in memory, and /metrics of other processes lacks them, because"
            " PROMETHEUS_MULTIPROC_DIR cannot be used: %s",
            error,
        )
        counts.keep_in_memory()
        return None


class _Collected(Collector):
    """Metrics that have been collected."""

    def __init__(self, collected: list[Metric]) -> None:
        self._collected = collected

    def collect(self) -> list[Metric]:
        return self._collected


def register(
    app: Flask,
    loaded: Callable[[], Iterable[LoadedModel]],
    states: Callable[[], Iterable[tuple[str, str, str]]],
    processes: Processes | None,
    drift_window: int = 0,
) -> Metrics:
    """Count the requests to `app`. Everything else has to be reported to the returned metrics.

    Arguments are as for `Metrics`.
    """
    metrics = Metrics(loaded, states, processes, drift_window)
    app.extensions[_EXTENSION] = metrics

    @app.before_request
    def begin() -> None:
        metrics.begin()

    @app.after_request
    def answer(response: Response) -> Response:
        metrics.answer(current_request.current_record(), response.status_code)
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        if "in_flight" in g:
            g.pop("in_flight").dec()

    return metrics


def current_metrics() -> Response:
    """The metrics of the running app, as a response."""
    metrics: Metrics = current_app.extensions[_EXTENSION]
    return Response(metrics.exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
