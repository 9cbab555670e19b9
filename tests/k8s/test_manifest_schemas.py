"""Schemas: each manifest is one that Kubernetes takes, of each overlay and of each component by itself."""

from __future__ import annotations

from pathlib import Path

import kubernetes_validate
import pytest
from rendering import COMPONENTS, K8S, STANDS_ON, Rendered, render_made_up

VERSION = "1.37"

# Of these Kubernetes itself knows nothing: Gateway API, GKE and managed Prometheus bring them.
FOREIGN_GROUPS = (
    "cloud.google.com",
    "gateway.networking.k8s.io",
    "monitoring.googleapis.com",
    "networking.gke.io",
)


def check(rendered: Rendered) -> None:
    for manifest in rendered.manifests:
        try:
            kubernetes_validate.validate(manifest, VERSION, strict=True)
        except kubernetes_validate.SchemaNotFoundError:
            assert manifest["apiVersion"].split("/")[0] in FOREIGN_GROUPS


def test_kubernetes_takes_what_overlays_render(rendered: Rendered) -> None:
    check(rendered)


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_stands_on_the_base_and_those_that_it_names(name: str, tmp_path: Path) -> None:
    components = [f"../../components/{one}" for one in (*STANDS_ON.get(name, ()), name)]
    check(render_made_up(tmp_path / "k8s", {"resources": ["../../base"], "components": components}))


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_has_a_page_that_the_first_one_links(name: str) -> None:
    page = (K8S / "components" / name / "README.md").read_text(encoding="utf-8")
    for other in STANDS_ON.get(name, ()):
        assert f"../{other}/" in page
    assert f"(components/{name}/README.md)" in (K8S / "README.md").read_text(encoding="utf-8")
