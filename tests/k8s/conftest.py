"""The manifests, rendered: each overlay as it is, and production with every component."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
from rendering import K8S, OVERLAYS, Rendered, render, render_everything

EVERYTHING = "everything"


@pytest.fixture(scope="session", autouse=True)
def kustomize() -> None:
    """Skips where there is none, or one that is too old (Debian 12's is of 2019, and knows no components)."""
    if not shutil.which("kubectl"):
        pytest.skip("kubectl is not installed")
    answer = subprocess.run(
        ["kubectl", "version", "--client", "-o", "json"], capture_output=True, check=True, timeout=60
    )
    version = json.loads(answer.stdout).get("kustomizeVersion", "v0")
    if int(version.removeprefix("v").split(".")[0]) < 5:
        pytest.skip("kubectl brings no kustomize of version 5 or later")


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory, kustomize: None) -> Rendered:
    return render_everything(tmp_path_factory.mktemp(EVERYTHING) / "k8s")


@pytest.fixture(scope="session", params=[*OVERLAYS, EVERYTHING])
def rendered(request: pytest.FixtureRequest, kustomize: None) -> Rendered:
    if request.param == EVERYTHING:
        all_of_it: Rendered = request.getfixturevalue("everything")
        return all_of_it
    return render(K8S / "overlays" / request.param)


@pytest.fixture(scope="session")
def production(kustomize: None) -> Rendered:
    return render(K8S / "overlays" / "production")
