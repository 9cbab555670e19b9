"""Metrics that describe the loaded versions of models, and how callers are split among them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from prometheus_client.metrics_core import GaugeMetricFamily

from model.storage.manifest import Manifest


class LoadedModel(Protocol):
    """A loaded version of a model."""

    name: str
    version: str
    engine: str
    precision: str
    manifest: Manifest


def info_of(loaded: Iterable[LoadedModel]) -> GaugeMetricFamily:
    """One sample with the value 1 for each loaded version."""
    labels = ("model", "version", "engine", "precision")
    meaning = "1 for each version of a model that is loaded."
    family = GaugeMetricFamily("maskserve_model_info", meaning, labels=labels)
    for one in loaded:
        family.add_metric([one.name, one.version, one.engine, one.precision], 1)
    return family


def state_of(states: Iterable[tuple[str, str, str]]) -> GaugeMetricFamily:
    """One sample with the value 1 for each (model, version, state)."""
    meaning = "1 for the state of each version: loading, ready, failed or unloading."
    family = GaugeMetricFamily("maskserve_model_state", meaning, labels=("model", "version", "state"))
    for state in states:
        family.add_metric(state, 1)
    return family


def share_of(shares: Iterable[tuple[str, str, float]]) -> GaugeMetricFamily:
    """One sample for each (model, version, share in per cent) that callers are split among."""
    meaning = "Per cent of its model's callers that a version should get."
    family = GaugeMetricFamily("maskserve_traffic_share", meaning, labels=("model", "version"))
    for model, version, share in shares:
        family.add_metric([model, version], share)
    return family
