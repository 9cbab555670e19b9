"""What the tests of builds and of setting up have in common."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kube_api import KubeApi
from pipeline import DIGEST, IMAGE, serve
from workspace import HERE, Workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """One of the test's own."""
    return Workspace.below(tmp_path)


@pytest.fixture
def cluster() -> Iterator[KubeApi]:
    """An empty one."""
    with KubeApi().running() as api:
        yield api


@pytest.fixture
def cloud(workspace: Workspace, cluster: KubeApi) -> Workspace:
    """Where everything goes well: nothing critical is found, all rolls out, the service finds segments.

    kubectl is the real one, but for what needs machines.
    """
    kubectl = shutil.which("kubectl")
    if not kubectl:
        pytest.skip("kubectl is missing, which renders and applies: https://kubernetes.io/docs/tasks/tools")
    workspace.stand_in("make", "apt-get", "docker", "gcloud", "kubectl", "syft")
    workspace.answer("docker buildx use", status=1)
    workspace.answer("images scan", out="projects/my-project/locations/europe/scans/1\n")
    workspace.answer("list-vulnerabilities", out="HIGH\tTrue\tCVE-1\tzlib\t2\nLOW\t\tCVE-2\tperl\t\n")
    workspace.answer("builds triggers describe maskserve-build", out="trigger-1\n")
    workspace.answer("builds list .*buildTriggerId=", out=f"SUCCESS\t{DIGEST}\n")
    workspace.answer("images describe .* --show-provenance", out="3\n")
    workspace.answer("storage cat", out=f"{IMAGE}@{DIGEST}\n")
    workspace.answer("builds describe", out="2026-11-21T10:00:00Z\n")
    workspace.answer("config get project", out="my-project\n")
    workspace.answer("versions list maskserve-api-key", out="2\n1\n")
    workspace.answer("versions list maskserve-events-key", out="1\n")
    workspace.answer("versions access 1 --secret=maskserve-api-key", out="the-old-key-0123456789")
    workspace.answer("versions access 2 --secret=maskserve-api-key", out="the-new-key-0123456789\n")
    workspace.answer("versions access 1 --secret=maskserve-events-key", out="the-function-key-0123456789")
    workspace.answer(r"^kubectl (kustomize|\S+ (apply|create|delete|get) )", run=[kubectl])
    workspace.answer("port-forward", run=[sys.executable, str(HERE / "stub_service.py")])
    have_what_tests_need(workspace)
    cluster.configure(workspace.folder)
    for file in (workspace.path / "k8s").rglob("*.yaml"):  # as docs/deploy-gcp.md tells people
        file.write_text(file.read_text().replace("maskserve.example.com", "segment.example.org"))
    serve(workspace, {})
    return workspace


def have_what_tests_need(workspace: Workspace) -> None:
    """Put there what .ci/run looks for and this machine lacks, and environments of Python."""
    programs = re.findall(r"installed=\(\n(.*)\n\)", (workspace.path / ".ci/run").read_text())[0].split()
    workspace.stand_in(*(name for name in programs if name != "make" and not shutil.which(name)))
    for name in ("actionlint", "hadolint", "zizmor"):
        workspace.program(f".venv/bin/{name}")
    for name in ("checkov/bin/checkov", *(f"{one}/bin/python" for one in ("function", "helm", "kserve"))):
        workspace.program(f".venv/{name}")
