"""Figures: the state of the service in a few numbers, from two collections of its metrics."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.metrics_core import Metric

_MEBIBYTE = 2**20
_QUANTILES = {"latency_p50_seconds": 0.5, "latency_p95_seconds": 0.95}
_DRIFT = ("psi", "ks", "pictures")
# Routes whose latency says nothing about images: the page has the same route as its form.
_OTHER_ROUTES = re.compile(r"/|unknown|/api/v1/(feedback|traffic)|/v2/repository/.*")
_NOT_IN_NAMES = re.compile(r"[^\w .:/-]", re.ASCII)  # of a metric in MLflow

Labels = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Collection:
    """The samples of all metrics at one moment.

    Attributes:
        moment: in seconds, of a clock that never goes back.
        samples: by name, the value for each set of labels.
    """

    moment: float
    samples: Mapping[str, Mapping[Labels, float]]

    @classmethod
    def of(cls, metrics: Iterable[Metric], moment: float) -> Collection:
        """Of what `Metrics.current` returns."""
        samples: dict[str, dict[Labels, float]] = defaultdict(dict)
        for metric in metrics:
            for sample in metric.samples:
                name = sample.name.removeprefix("maskserve_")
                samples[name][frozenset(sample.labels.items())] = sample.value
        return cls(moment, samples)

    def models(self) -> str:
        """The loaded models with version, engine and precision."""
        loaded = [dict(labels) for labels in self.samples.get("model_info", {})]
        said = [f"{one['model']}@{one['version']} ({one['engine']} {one['precision']})" for one in loaded]
        return ", ".join(sorted(said))

    def since(self, before: Collection, name: str) -> dict[Labels, float]:
        """How much each series of a counter has grown; all of it if the series is new."""
        old = before.samples.get(name, {})
        return {
            labels: max(0.0, value - old.get(labels, 0.0))
            for labels, value in self.samples.get(name, {}).items()
        }


def figures_between(before: Collection, now: Collection) -> dict[str, float]:
    """The figures of the time between two collections, by the names that they have in MLflow."""
    minutes = max(now.moment - before.moment, 1e-3) / 60
    posted = {
        labels: grown
        for labels, grown in now.since(before, "requests_total").items()
        if ("method", "POST") in labels
    }
    failed = sum(grown for labels, grown in posted.items() if ("status", "500") in labels)
    memory = sum(now.samples.get("process_resident_memory_bytes", {}).values())
    found = {
        "system/cpu_cores": sum(now.since(before, "process_cpu_seconds_total").values()) / (60 * minutes),
        "system/memory_mebibytes": memory / _MEBIBYTE,
        "requests_per_minute": sum(posted.values()) / minutes,
        "failures_per_minute": failed / minutes,
        "refusals_per_minute": sum(now.since(before, "refusals_total").values()) / minutes,
        "queue_depth": sum(now.samples.get("queue_depth", {}).values()),
    }
    if limits := now.samples.get("memory_limit_bytes"):
        found["system/memory_share_of_limit"] = memory / sum(limits.values())
    buckets = _buckets(before, now, {dict(labels)["route"] for labels in posted})
    if buckets.get(math.inf):
        found |= {name: quantile(buckets, share) for name, share in _QUANTILES.items()}
    return found | _drift(now)


def quantile(buckets: Mapping[float, float], share: float) -> float:
    """The value below which that share of the observations lies, estimated as Prometheus does.

    `buckets`: upper bound → how many observations are at most that; the last bound is infinite.
    """
    wanted = share * buckets[math.inf]
    lower, below = 0.0, 0.0
    for bound, count in sorted(buckets.items()):
        if count >= wanted:
            if math.isinf(bound):
                return lower
            return lower + (bound - lower) * (wanted - below) / max(count - below, 1e-9)
        lower, below = bound, count
    return lower


def _buckets(before: Collection, now: Collection, routes: set[str]) -> dict[float, float]:
    summed: dict[float, float] = defaultdict(float)
    for labels, grown in now.since(before, "request_seconds_bucket").items():
        label = dict(labels)
        if label["route"] in routes and not _OTHER_ROUTES.fullmatch(label["route"]):
            summed[float(label["le"])] += grown
    return summed


def _drift(now: Collection) -> dict[str, float]:
    found = {}
    for figure in _DRIFT:
        for labels, value in now.samples.get(f"drift_{figure}", {}).items():
            label = dict(labels)
            name = f"drift/{label['model']}/{label['version']}/{label['feature']}/{figure}"
            found[_NOT_IN_NAMES.sub("_", name)] = value
    return found
