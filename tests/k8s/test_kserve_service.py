"""The InferenceService: as KServe's own client has it, and its pods as those of the Deployment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rendering import K8S, Manifest, container_of, pod_of, render

from app.configuration.settings import Settings

FOLDER = K8S.parent / "deploy" / "kserve"
PYTHON = Path(sys.prefix, "kserve", "bin", "python")
COMPARE = """
import inspect, json, re, sys
import kserve.models as ours, kubernetes.client.models as theirs

def check(value, type_name, path):
    '''Prints each field of `value` that a class of the client does not have.'''
    if found := re.fullmatch(r"list\\[(.+)\\]", type_name):
        for number, item in enumerate(value):
            check(item, found[1], f"{path}[{number}]")
        return
    known = getattr(ours, type_name, None) or getattr(theirs, type_name, None)
    if not inspect.isclass(known):
        return
    if not isinstance(value, dict):
        print(f"{path} is no {type_name}")
        return
    fields = {name: known.openapi_types[key] for key, name in known.attribute_map.items()}
    for name, item in value.items():
        if name in fields:
            check(item, fields[name], f"{path}.{name}")
        else:
            print(f"{path}.{name} is unknown")

check(json.load(sys.stdin), "V1beta1InferenceService", "")
"""


def complaints(manifest: Manifest) -> str:
    if not PYTHON.exists():
        pytest.skip("KServe's client is missing: make dev gets it")
    ended = subprocess.run(
        [PYTHON, "-c", COMPARE], input=json.dumps(manifest), capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.fixture(scope="module")
def service() -> Manifest:
    (manifest,) = render(FOLDER).manifests
    return manifest


def test_kserves_client_has_every_field(service: Manifest) -> None:
    assert complaints(service) == ""


def test_a_field_that_kserve_does_not_have_is_found(service: Manifest) -> None:
    wrong: dict[str, Any] = json.loads(json.dumps(service))
    wrong["spec"]["predictor"]["minReplica"] = 1
    wrong["spec"]["predictor"]["containers"][0]["startupProbe"]["httpGet"]["route"] = "/"
    said = complaints(wrong)
    assert "minReplica is unknown" in said
    assert "httpGet.route is unknown" in said


def test_kustomize_sets_the_image(service: Manifest) -> None:
    (container,) = service["spec"]["predictor"]["containers"]
    assert container["name"] == "kserve-container"
    assert container["image"].endswith("/maskserve@sha256:" + "0" * 64)


def test_its_pods_are_those_of_the_deployment(service: Manifest) -> None:
    (server,) = render(K8S / "server").servers()
    predictor = service["spec"]["predictor"]
    for field in (
        *("automountServiceAccountToken", "enableServiceLinks", "securityContext"),
        *("terminationGracePeriodSeconds", "volumes"),
    ):
        assert predictor[field] == pod_of(server)[field], field
    (container,) = predictor["containers"]
    for field in ("resources", "lifecycle", "securityContext", "volumeMounts"):
        assert container[field] == container_of(server)[field], field
    assert predictor["timeout"] < predictor["terminationGracePeriodSeconds"]


def test_its_settings_are_valid_and_close_the_metrics(service: Manifest) -> None:
    (container,) = service["spec"]["predictor"]["containers"]
    given = {variable["name"]: variable["value"] for variable in container["env"]}
    given.pop("MASKSERVE_WORKER_MEMORY")  # which uWSGI reads
    assert Settings.from_environment(given).metrics == "off"


def test_it_scales_at_the_use_at_which_the_base_scales(service: Manifest) -> None:
    scaler = render(K8S / "base").one("HorizontalPodAutoscaler", "maskserve")["spec"]
    (metric,) = scaler["metrics"]
    predictor = service["spec"]["predictor"]
    assert predictor["scaleMetric"] == metric["resource"]["name"]
    assert predictor["scaleTarget"] == metric["resource"]["target"]["averageUtilization"]
