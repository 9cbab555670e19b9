"""Probes: they ask routes that there are, on the port that the server listens to."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from rendering import K8S, Rendered, container_of
from stub_segmenter import StubSegmenter

from app import create_app
from app.configuration.settings import Settings


@pytest.fixture(scope="module")
def app() -> Flask:
    return create_app({"stub": StubSegmenter()}, Settings())


def port_of_the_server() -> int:
    """As uwsgi.ini has it, where nobody sets PORT."""
    found = re.search(r"^set-placeholder = port=(\d+)$", (K8S.parent / "uwsgi.ini").read_text(), re.MULTILINE)
    assert found
    return int(found[1])


def test_the_container_names_the_port_that_the_server_listens_to(rendered: Rendered) -> None:
    for server in rendered.servers():
        assert container_of(server)["ports"] == [{"name": "http", "containerPort": port_of_the_server()}]
        assert "PORT" not in rendered.environment(server)


@pytest.mark.parametrize("probe", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_a_pod_is_asked_what_the_service_answers(rendered: Rendered, app: Flask, probe: str) -> None:
    for server in rendered.servers():
        asked = container_of(server)[probe]["httpGet"]
        assert asked["port"] == "http"
        assert app.test_client().get(asked["path"]).status_code == 200


def test_a_pod_is_ready_by_its_models_and_alive_without_them(rendered: Rendered) -> None:
    for server in rendered.servers():
        paths = {
            probe: container_of(server)[probe]["httpGet"]["path"]
            for probe in ("startupProbe", "readinessProbe", "livenessProbe")
        }
        assert paths == {"startupProbe": "/readyz", "readinessProbe": "/readyz", "livenessProbe": "/livez"}


def test_the_load_balancer_and_prometheus_ask_what_the_service_answers(
    rendered: Rendered, app: Flask
) -> None:
    for policy in rendered.all("HealthCheckPolicy"):
        check = policy["spec"]["default"]["config"]["httpHealthCheck"]
        assert check["port"] == port_of_the_server()
        assert app.test_client().get(check["requestPath"]).status_code == 200
    for monitoring in rendered.all("PodMonitoring"):
        (endpoint,) = monitoring["spec"]["endpoints"]
        assert endpoint["port"] == "http"
        assert app.test_client().get(endpoint["path"]).status_code == 200


def test_a_process_that_is_replaced_for_its_memory_is_not_killed_meanwhile(rendered: Rendered) -> None:
    for server in rendered.servers():
        probe = container_of(server)["livenessProbe"]
        patience = probe["periodSeconds"] * (probe["failureThreshold"] - 1)
        assert patience > rendered.settings(server).request_timeout
