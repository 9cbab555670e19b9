"""What the load balancer passes on: each route of the service that is for callers, and nothing else."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from rendering import Manifest, Rendered
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings

NOT_FOR_CALLERS = {"/metrics"}
MOST_MATCHES = 8  # in a rule, in GKE's Gateway API


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app({"stub": StubSegmenter()}, Settings())


def rules_of(rendered: Rendered) -> list[Manifest]:
    rules: list[Manifest] = rendered.one("HTTPRoute", "maskserve")["spec"]["rules"]
    return rules


def passes(rendered: Rendered, path: str) -> bool:
    """Whether a rule matches the path as the Gateway API defines it: by whole segments, without decoding."""
    for rule in rules_of(rendered):
        for match in rule.get("matches", [{"path": {"type": "PathPrefix", "value": "/"}}]):
            kind, value = match["path"]["type"], match["path"]["value"]
            if path == value or (kind == "PathPrefix" and f"{path}/".startswith(f"{value.rstrip('/')}/")):
                return True
    return False


def test_callers_reach_every_route_but_those_that_are_not_for_them(rendered: Rendered, app: Flask) -> None:
    paths = {re.sub("<[^>]*>", "one", str(rule)) for rule in app.url_map.iter_rules()}
    assert paths > NOT_FOR_CALLERS
    assert {path for path in paths if not passes(rendered, path)} == NOT_FOR_CALLERS


@pytest.mark.parametrize(
    "path", ["/metrics", "/metrics/", "/%6detrics", "//metrics", "/METRICS", "/metrics;a"]
)
def test_metrics_cannot_be_reached_however_they_are_written(rendered: Rendered, path: str) -> None:
    assert not passes(rendered, path)


@pytest.mark.parametrize("prefix", ["/api", "/v1", "/v2", "/predict", "/static"])
@pytest.mark.parametrize("detour", ["/../metrics", "/%2e%2e/metrics", "/..%2fmetrics"])
def test_no_detour_leads_from_a_public_path_to_metrics(app: Flask, prefix: str, detour: str) -> None:
    assert app.test_client().get(prefix + detour).status_code == 404


def test_prometheus_reads_metrics_from_the_pods(rendered: Rendered) -> None:
    (endpoint,) = rendered.one("PodMonitoring", "maskserve")["spec"]["endpoints"]
    assert {endpoint["path"]} == NOT_FOR_CALLERS


def test_a_rule_has_no_more_matches_than_gke_takes(rendered: Rendered) -> None:
    assert all(len(rule["matches"]) <= MOST_MATCHES for rule in rules_of(rendered))


def test_the_load_balancer_logs_a_share_of_the_requests(rendered: Rendered) -> None:
    for policy in rendered.all("GCPBackendPolicy"):
        logging = policy["spec"]["default"]["logging"]
        assert logging["enabled"]
        assert 0 < logging["sampleRate"] < 1_000_000
