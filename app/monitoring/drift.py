"""Drift: how far recent pictures and answers are from those on which each model was validated."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from model.answers.finding import Finding
from model.drift.distances import distances
from model.drift.features import features_of_answer, features_of_picture
from model.storage.manifest import Manifest

_IN_WINDOW = "maskserve_drift_in_window"
_LABELS = ("model", "version", "feature")
_MEANINGS = {
    "psi": "Population stability index of recent pictures and the validation pictures.",
    "psi_limit": "The population stability index that chance rarely exceeds.",
    "ks": "Kolmogorov-Smirnov distance of recent pictures and the validation pictures.",
    "ks_limit": "The Kolmogorov-Smirnov distance that chance rarely exceeds.",
    "shift": "How much more often recent pictures have higher values than lower ones, -1 to 1.",
}
_PICTURES = "Recent pictures that the distances are based on."


class Place(NamedTuple):
    """Where a picture counts: a version of a model, and a feature."""

    model: str
    version: str
    feature: str


class Windows:
    """Counts the last pictures of each version of a model, by feature and bin of the model's baseline.

    Each process has a window of its own. The counts of all living processes add up, as those of any gauge do:
    a picture adds one to its bin, and the picture that leaves the window takes one from its own.
    """

    def __init__(self, length: int, registry: CollectorRegistry) -> None:
        """`length`: of this process's windows, in pictures; 0: nothing is counted."""
        self._length = length
        self._windows: dict[Place, deque[int]] = {}
        self._lock = threading.Lock()
        self._counts = Gauge(
            _IN_WINDOW, "Pictures.", (*_LABELS, "bin"), multiprocess_mode="livesum", registry=registry
        )

    def count(self, model: str, version: str, bins: Mapping[str, int]) -> None:
        """Count a picture, by the bin of each of its features."""
        if self._length == 0:
            return
        with self._lock:
            for feature, number in bins.items():
                place = Place(model, version, feature)
                window = self._windows.setdefault(place, deque())
                if len(window) == self._length:
                    self._counts.labels(*place, window.popleft()).dec()
                window.append(number)
                self._counts.labels(*place, number).inc()

    def judged(self, counted: Iterable[Metric], loaded: Iterable[Manifest]) -> Iterator[Metric]:
        """The metrics in `counted`, of all processes, with distances in place of the counts in windows."""
        in_window: dict[Place, dict[int, int]] = {}
        for metric in counted:
            if metric.name != _IN_WINDOW:
                yield metric
                continue
            for sample in metric.samples:
                place = Place(*(sample.labels[name] for name in _LABELS))
                in_window.setdefault(place, {})[int(sample.labels["bin"])] = round(sample.value)
        if self._length > 0:
            yield from _distances(in_window, loaded)


def bins_of(finding: Finding, *, is_whole_answer: bool) -> dict[str, int]:
    """The bin of each feature of a picture and its answer; empty if the model has no baseline.

    `is_whole_answer`: whether the request had no options that change what is found. Other answers cannot be
    compared with those to the validation pictures.
    """
    baseline = finding.manifest.baseline
    if baseline is None:
        return {}
    familiarity = finding.verdict.score if finding.verdict else None
    features = features_of_picture(finding.image, finding.segments.size, familiarity)
    if is_whole_answer:
        features |= features_of_answer(finding.segments)
    return baseline.bins_of(features)


def _distances(in_window: Mapping[Place, Mapping[int, int]], loaded: Iterable[Manifest]) -> Iterator[Metric]:
    pictures = GaugeMetricFamily("maskserve_drift_pictures", _PICTURES, labels=_LABELS)
    families = {
        name: GaugeMetricFamily(f"maskserve_drift_{name}", meaning, labels=_LABELS)
        for name, meaning in _MEANINGS.items()
    }
    for manifest in loaded:
        histograms = manifest.baseline.histograms if manifest.baseline else {}
        for feature, histogram in histograms.items():
            place = Place(manifest.name, manifest.version, feature)
            by_bin = in_window.get(place, {})
            counts = [by_bin.get(number, 0) for number in range(len(histogram.counts))]
            pictures.add_metric(place, sum(counts))
            if sum(counts) > 0:
                found = distances(histogram.counts, counts)
                for name, family in families.items():
                    family.add_metric(place, getattr(found, name))
    yield from (family for family in (pictures, *families.values()) if family.samples)
