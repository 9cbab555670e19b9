"""Schemas: each manifest is one that Kubernetes takes, of each overlay and of each component by itself."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import foreign_kinds
import kubernetes_validate
import pytest
from rendering import COMPONENTS, K8S, STANDS_ON, Rendered, render_made_up

VERSION = "1.37"


def check(rendered: Rendered) -> None:
    for manifest in rendered.manifests:
        try:
            kubernetes_validate.validate(manifest, VERSION, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            assert list(foreign_kinds.faults(manifest)) == []


def test_kubernetes_takes_what_overlays_render(rendered: Rendered) -> None:
    check(rendered)


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_stands_on_the_base_and_those_that_it_names(name: str, tmp_path: Path) -> None:
    components = [f"../../components/{one}" for one in (*STANDS_ON.get(name, ()), name)]
    check(render_made_up(tmp_path / "k8s", {"resources": ["../../base"], "components": components}))


@pytest.mark.parametrize(
    ("kind", "path", "value", "said"),
    [
        ("Gateway", "gatewayClass", "gke-l7-rilb", "'gatewayClass' was unexpected"),
        ("Gateway", "listeners.0.protocol", "HTTPs", "'HTTPs' is not one of"),
        ("Gateway", "listeners.0.port", "443", "'443' is not of type 'integer'"),
        ("HTTPRoute", "rules.0.matches.0.path.type", "Prefix", "'Prefix' is not one of"),
        ("HTTPRoute", "rules.0.backendRefs.0.weigth", 5, "'weigth' was unexpected"),
        ("GCPBackendPolicy", "default.logging.sampleRate", 0.1, "0.1 is not of type 'integer'"),
        ("GCPBackendPolicy", "default.connectionDraining.drainingTimeoutSec", 7200, "greater than"),
        ("GCPGatewayPolicy", "default.minTlsVersion", "1.2", "'minTlsVersion' was unexpected"),
        ("HealthCheckPolicy", "default.config.type", "TCP", "'TCP' is not one of"),
        ("HealthCheckPolicy", "default.timeout", 5, "'timeout' was unexpected"),
        ("ComputeClass", "priorities.0.machineFamilly", "c4", "'machineFamilly' was unexpected"),
        ("ComputeClass", "priorities.0.spot", "true", "'true' is not of type 'boolean'"),
        ("PodMonitoring", "endpoints.0.interval", 30, "30 is not of type 'string'"),
    ],
)
def test_a_mistake_in_a_kind_that_is_not_of_kubernetes_is_found(
    production: Rendered, kind: str, path: str, value: Any, said: str
) -> None:
    manifest = copy.deepcopy(next(production.all(kind)))
    *way, last = path.split(".")
    place = manifest["spec"]
    for step in way:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    assert said in "\n".join(foreign_kinds.faults(manifest))


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_has_a_page_that_the_first_one_links(name: str) -> None:
    page = (K8S / "components" / name / "README.md").read_text(encoding="utf-8")
    for other in STANDS_ON.get(name, ()):
        assert f"../{other}/" in page
    assert f"(components/{name}/README.md)" in (K8S / "README.md").read_text(encoding="utf-8")
