"""Metrics: what the service counts, for Prometheus; docs/monitoring.md explains each."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import prometheus_client
from flask import Flask, Response, current_app, g
from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from app.monitoring import counts, current_request
from app.monitoring.current_request import Picture, Record
from app.monitoring.processes import Processes, Usage
from model.segmenter import Segmenter

logger = logging.getLogger(__name__)

_EXTENSION = "maskserve_metrics"

# From a probe's milliseconds to the longest that a request may take.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 240)
_SCORES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_BYTES = tuple(4**power for power in range(5, 14))  # 1 KiB to 64 MiB
_PIXELS = (1e4, 1e5, 2.5e5, 1e6, 2.5e6, 5e6, 1e7, 2.5e7, 5e7, 1e8)


class Metrics:
    """The metrics of one process, and of those that share PROMETHEUS_MULTIPROC_DIR with it.

    A label takes few values, all of them the service's own: nobody can make up more by asking.
    """

    def __init__(self, loaded: Callable[[], Iterable[Segmenter]]) -> None:
        """`loaded`: the models that are, by now."""
        disable_created_metrics()  # a second series for each, that nobody asks for
        self._processes = _processes()
        self._models = _Models(loaded)
        self.registry = registry = CollectorRegistry()

        def counter(name: str, meaning: str, *labels: str) -> prometheus_client.Counter:
            return prometheus_client.Counter(f"maskserve_{name}", meaning, labels, registry=registry)

        def histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"maskserve_{name}", meaning, labels, buckets=buckets, registry=registry)

        def gauge(name: str, meaning: str) -> Gauge:
            made = Gauge(f"maskserve_{name}", meaning, multiprocess_mode="livesum", registry=registry)
            made.set(0)
            return made

        # Nobody is to read a file that is half made.
        with self._processes.alone() if self._processes else nullcontext():
            self._requests = counter("requests_total", "Requests answered.", "route", "method", "status")
            self._request_seconds = histogram(
                "request_seconds", "From a request's head to its answer.", _SECONDS, "route"
            )
            self._in_flight = gauge("requests_in_flight", "Requests being answered, without probes.")
            self._refusals = counter(
                "refusals_total", "Requests, or images of a batch, that were refused.", "reason"
            )
            self._states = {
                "arriving": gauge("uploads_arriving", "Requests that are being received, or fetch an image."),
                "waiting": gauge(
                    "queue_depth", "Images that wait for their inference, or for their next tile."
                ),
                "running": gauge("inferences_running", "Inferences, of an image or a tile, that run."),
            }
            self._stage_seconds = histogram(
                "stage_seconds", "What the stages of an image took.", _SECONDS, "model", "stage"
            )
            self._segments = counter("segments_total", "Segments found.", "model", "class")
            self._scores = histogram("score", "Scores of the segments found.", _SCORES, "model")
            self._image_bytes = histogram("image_bytes", "Sizes of image files.", _BYTES)
            self._image_pixels = histogram("image_pixels", "Width times height of images.", _PIXELS)
            self._self_tests = counter(
                "self_tests_total", "Self-tests after requests had failed, by how they ended.", "outcome"
            )
            for outcome in ("passed", "failed"):
                self._self_tests.labels(outcome)
            counter("processes_started_total", "Processes started, replaced ones included.").inc()

    def watch(self, state: str) -> AbstractContextManager[object]:
        """Count one more "arriving", "waiting" or "running" for the length of the `with` block."""
        return self._states[state].track_inprogress()

    def self_test(self, outcome: str) -> None:
        """A self-test has "passed" or "failed"."""
        self._self_tests.labels(outcome).inc()

    def begin(self) -> None:
        """A request has come."""
        if not current_request.is_probe():
            g.in_flight = self._in_flight
            self._in_flight.inc()

    def answer(self, record: Record, status: int) -> None:
        """A request was answered with `status`."""
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
            self._stage_seconds.labels(picture.model, stage).observe(milliseconds / 1000)
        if picture.size is None:  # it was refused on its way
            return
        width, height = picture.size
        self._image_pixels.observe(width * height)
        for class_id, number in Counter(picture.class_ids.tolist()).items():
            self._segments.labels(picture.model, picture.classes[class_id]).inc(number)
        scores = self._scores.labels(picture.model)
        for score in picture.scores.tolist():
            scores.observe(score)

    def exposition(self) -> bytes:
        """All that is known now, of every process, in Prometheus' text format.

        Where the folder of the processes has gone, or cannot be read, of this one alone.
        """
        if self._processes is not None:
            try:
                return self._of_all(self._processes)
            except OSError as error:
                logger.warning("/metrics tells of this process alone: %s", error)
        return self._collect(self.registry, [os.getpid()])

    def _of_all(self, processes: Processes) -> bytes:
        with processes.alone():
            living = processes.living()
            together = CollectorRegistry()
            MultiProcessCollector(together, str(processes.folder))
            return self._collect(together, living)

    def _collect(self, counted: CollectorRegistry, processes: list[int]) -> bytes:
        return b"".join(map(generate_latest, (counted, Usage(processes), self._models)))


def _processes() -> Processes | None:
    """Those that count together; None where this one counts alone, as one does whose disk is full."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")  # prometheus_client looks for the same
    if not folder:
        return None
    try:
        return Processes(Path(folder))
    except OSError as error:
        logger.warning("this process counts for itself, and /metrics of the others lacks it: %s", error)
        counts.keep_in_memory()
        return None


class _Models(Collector):
    """The loaded models, each as a 1."""

    def __init__(self, loaded: Callable[[], Iterable[Segmenter]]) -> None:
        self._loaded = loaded

    def collect(self) -> Iterator[Metric]:
        labels = ("model", "version", "engine", "precision")
        family = GaugeMetricFamily("maskserve_model_info", "1 for each model that is loaded.", labels=labels)
        for segmenter in self._loaded():
            manifest = segmenter.bundle.manifest
            version = str(manifest.version)
            family.add_metric([manifest.name, version, segmenter.engine, segmenter.precision], 1)
        yield family


def register(app: Flask, loaded: Callable[[], Iterable[Segmenter]]) -> Metrics:
    """Count the requests of `app`. What else it does, the metrics have to be told.

    `loaded`: its models that are loaded by now.
    """
    metrics = Metrics(loaded)
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
    """The metrics of the running app, as an answer."""
    metrics: Metrics = current_app.extensions[_EXTENSION]
    return Response(metrics.exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4)
