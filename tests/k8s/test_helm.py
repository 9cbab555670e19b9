"""The chart: rendered by Helm itself, it is what kustomize makes of k8s/base, with the values on top."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from rendering import K8S, Manifest, Rendered, container_of, pod_of, render

CHART = K8S.parent / "deploy" / "helm" / "maskserve"
PYTHON = Path(sys.prefix, "helm", "bin", "python")
REPOSITORY, DIGEST = "registry.example/maskserve", "sha256:" + "1" * 64
IMAGE = {"image": {"repository": REPOSITORY, "digest": DIGEST}}
RENDER = """
import json, sys, helm_python
with helm_python.Chart.load(sys.argv[1]) as chart:
    print(json.dumps(chart.render(values=json.load(sys.stdin), name="release", namespace="somewhere")))
"""

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="Helm's library is missing: make dev gets it")


def run_helm(values: dict[str, Any], chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PYTHON, "-c", RENDER, chart], input=json.dumps(values), capture_output=True, text=True, timeout=60
    )


def installed(values: dict[str, Any], chart: Path = CHART) -> Rendered:
    """What Helm would install with these values beside the image."""
    ended = run_helm(IMAGE | values, chart)
    assert ended.returncode == 0, ended.stderr
    (text,) = json.loads(ended.stdout).values()
    return Rendered(list(yaml.safe_load_all(text)))


def refused(values: dict[str, Any]) -> str:
    ended = run_helm(values)
    assert ended.returncode
    return ended.stderr


def server(rendered: Rendered) -> Manifest:
    (found,) = rendered.servers()
    return found


@pytest.fixture(scope="module")
def chart() -> Rendered:
    return installed({})


def alike(rendered: Rendered) -> dict[tuple[str, str], Manifest]:
    """The manifests by kind and name, without the marks of either tool."""
    manifests = {}
    for manifest in copy.deepcopy(rendered.manifests):
        metadata = manifest["metadata"]
        metadata["name"] = re.sub(r"^maskserve-[0-9a-z]{10}$", "maskserve", metadata["name"])
        for label in ("app.kubernetes.io/managed-by", "app.kubernetes.io/instance", "helm.sh/chart"):
            metadata.get("labels", {}).pop(label, None)
        if not metadata.get("labels"):
            metadata.pop("labels", None)
        if manifest["kind"] == "Deployment":
            pods = manifest["spec"]["template"]["metadata"]
            pods.get("annotations", {}).pop("checksum/settings", None)
            if not pods.get("annotations"):
                pods.pop("annotations", None)
            container = container_of(manifest)
            container["image"] = "maskserve"
            for source in container["envFrom"]:
                source["configMapRef"]["name"] = "maskserve"
        manifests[manifest["kind"], metadata["name"]] = manifest
    return manifests


def test_it_installs_what_kustomize_makes_of_the_base(chart: Rendered) -> None:
    ours, base = alike(chart), alike(render(K8S / "base"))
    assert ours.keys() == base.keys()
    for name in base:
        assert ours[name] == base[name], name


def test_every_object_tells_which_release_it_belongs_to(chart: Rendered) -> None:
    for manifest in chart.manifests:
        labels = manifest["metadata"]["labels"]
        assert labels["app.kubernetes.io/managed-by"] == "Helm"
        assert labels["app.kubernetes.io/instance"] == "release"


def test_the_image_is_named_by_digest_or_to_try_something_by_tag(chart: Rendered) -> None:
    assert container_of(server(chart))["image"] == f"{REPOSITORY}@{DIGEST}"
    tagged = installed({"image": {"repository": REPOSITORY, "tag": "try"}})
    assert container_of(server(tagged))["image"] == f"{REPOSITORY}:try"


def test_settings_are_added_reach_the_service_and_start_a_rollout(chart: Rendered) -> None:
    changed = installed({"settings": {"MASKSERVE_QUEUE": 4, "MASKSERVE_MODELS": "nuclei,people"}})
    environment = changed.environment(server(changed))
    assert environment == chart.environment(server(chart)) | {
        "MASKSERVE_QUEUE": "4",
        "MASKSERVE_MODELS": "nuclei,people",
    }
    assert changed.settings(server(changed)).queue == 4
    checksums = {
        server(rendered)["spec"]["template"]["metadata"]["annotations"]["checksum/settings"]
        for rendered in (chart, changed, installed({}))
    }
    assert len(checksums) == 2


def test_values_reach_their_places() -> None:
    rendered = installed(
        {
            "apiKeysSecret": "my-keys",
            "resources": {"requests": {"cpu": "4"}, "limits": {"cpu": "4", "memory": "8Gi"}},
            "autoscaling": {"minReplicas": 3, "maxReplicas": 30, "cpuUtilization": 60},
            "serviceAccount": {"annotations": {"iam.gke.io/gcp-service-account": "me@example"}},
            "pod": {"nodeSelector": {"kubernetes.io/arch": "arm64"}},
        }
    )
    container = container_of(server(rendered))
    (keys,) = (variable for variable in container["env"] if variable["name"] == "MASKSERVE_API_KEYS")
    assert keys["valueFrom"]["secretKeyRef"]["name"] == "my-keys"
    assert container["resources"] == {
        "requests": {"cpu": "4", "memory": "4Gi", "ephemeral-storage": "3Gi"},
        "limits": {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "3Gi"},
    }
    scaler = rendered.one("HorizontalPodAutoscaler", "maskserve")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 30)
    (metric,) = scaler["metrics"]
    assert metric["resource"]["target"] == {"type": "Utilization", "averageUtilization": 60}
    account = rendered.one("ServiceAccount", "maskserve")
    assert account["metadata"]["annotations"] == {"iam.gke.io/gcp-service-account": "me@example"}
    assert pod_of(server(rendered))["nodeSelector"] == {"kubernetes.io/arch": "arm64"}
    assert pod_of(server(rendered))["serviceAccountName"] == "maskserve"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({}, "repository"),
        ({"image": {"repository": REPOSITORY, "digest": "latest"}}, "digest"),
        (IMAGE | {"setings": {}}, "setings"),
        (IMAGE | {"settings": {"queue": 4}}, "queue"),
        (IMAGE | {"autoscaling": {"minReplicas": 0}}, "minReplicas"),
        (IMAGE | {"resources": {"cpu": "4"}}, "cpu"),
        (IMAGE | {"resources": {"limits": {"gpu": "4"}}}, "gpu"),
    ],
)
def test_a_value_that_is_wrong_is_refused_and_named(values: dict[str, Any], said: str) -> None:
    assert said in refused(values)


def test_a_change_of_the_base_is_a_change_of_the_chart(tmp_path: Path) -> None:
    shutil.copytree(CHART, tmp_path / "chart")  # with what the links lead to, as `helm package` does
    file = tmp_path / "chart" / "k8s" / "base" / "autoscaler.yaml"
    file.write_text(file.read_text().replace("maxReplicas: 10", "maxReplicas: 11"))
    scaler = installed({}, tmp_path / "chart").one("HorizontalPodAutoscaler", "maskserve")
    assert scaler["spec"]["maxReplicas"] == 11
