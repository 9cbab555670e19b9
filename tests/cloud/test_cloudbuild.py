"""cloudbuild.yaml: its schema, its substitutions, and its steps with stand-ins for what reaches the cloud."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from gcloud_lint import complaints, gcloud_commands
from kube_api import KubeApi
from pipeline import BUILD, BUILT_IN, DIGEST, FILE, IMAGE, build, substituted
from workspace import ROOT, Workspace

BUILDER = ROOT / "scripts" / "gcp" / "builder"


@pytest.mark.parametrize("file", [FILE, BUILDER / "cloudbuild.yaml"], ids=["the build", "the builder"])
def test_a_build_fits_its_schema(file: Path) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.cloudbuild", str(file)]
    assert subprocess.run(check, capture_output=True, text=True).returncode == 0


def test_every_substitution_is_declared_and_every_declared_one_is_used() -> None:
    lines = [line.split("#")[0] for line in FILE.read_text().splitlines()]
    used = set(re.findall(r"\$\{?(\w+)", "\n".join(lines)))
    assert used == BUILD["substitutions"].keys() | BUILT_IN.keys()


def test_each_step_is_of_a_version() -> None:
    names = {step["id"]: substituted(step["name"]) for step in BUILD["steps"]}
    assert not [step for step, name in names.items() if not re.search(r":\d[\w.-]+$", name)]


def test_what_is_pushed_is_named_for_provenance() -> None:
    (push,) = (step for step in BUILD["steps"] if step["id"] == "push")
    assert [push["args"][1]] == BUILD["images"]


def test_the_time_is_enough_for_a_rollout_and_one_back() -> None:
    minutes = [
        int(minutes) for minutes in re.findall(r"--timeout=(\d+)m", (ROOT / "scripts/deploy.sh").read_text())
    ]
    assert int(BUILD["timeout"][:-1]) >= 60 * (2 * sum(minutes) + 60)
    deployment = yaml.safe_load((ROOT / "k8s" / "server" / "deployment.yaml").read_text())
    assert [deployment["spec"]["progressDeadlineSeconds"]] == [60 * patience for patience in minutes]


def test_a_build_that_goes_well_tests_builds_scans_pushes_deploys_and_asks(
    cloud: Workspace, cluster: KubeApi
) -> None:
    failed, said = build(cloud)
    assert failed is None, said
    wanted = [
        "make lint",
        "make test",
        "docker buildx build",
        "gcloud artifacts docker images scan",
        f"docker push {IMAGE}:b-1",
        "gcloud container clusters get-credentials maskserve --region=europe-west1",
        "kubectl --namespace=maskserve-staging apply",
        "kubectl --namespace=maskserve-staging rollout status deployment.apps/maskserve",
        "kubectl --namespace=maskserve-staging port-forward service/maskserve",
    ]
    positions = [next(i for i, call in enumerate(cloud.calls()) if call.startswith(want)) for want in wanted]
    assert positions == sorted(positions)
    image = cluster.all("Deployment")["maskserve"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == f"{IMAGE}@{DIGEST}"


def test_the_image_is_built_from_what_the_last_build_left(cloud: Workspace) -> None:
    build(cloud, last="build")
    (call,) = cloud.calls("docker buildx build")
    assert (
        f"--cache-from type=registry,ref={IMAGE}/cache --cache-to type=registry,ref={IMAGE}/cache,mode=max"
        in call
    )
    assert (
        f"--build-arg MODEL=nuclei --build-arg REVISION=c0ffee --provenance=false --tag {IMAGE}:b-1 --load ."
        in call
    )


def test_a_commit_that_has_an_image_is_not_built_again(cloud: Workspace) -> None:
    build(cloud, last="push")
    kept = f"{IMAGE}:c0ffee-nuclei"
    assert f"docker push {kept}" in cloud.calls()
    (cloud.folder / "calls").unlink()
    cloud.answer("docker pull", out=f"{kept}\n")
    failed, said = build(cloud, last="push", BUILD_ID="b-2")
    assert failed is None, said
    assert not cloud.calls("docker buildx build")
    for call in (f"docker pull {kept}", f"docker tag {kept} {IMAGE}:b-2", f"docker push {IMAGE}:b-2"):
        assert call in cloud.calls()


@pytest.mark.parametrize(
    "changed", [{"COMMIT_SHA": ""}, {"_MODEL": "parts"}], ids=["uncommitted", "another model"]
)
def test_only_the_same_commit_and_model_have_the_same_image(
    cloud: Workspace, changed: dict[str, str]
) -> None:
    cloud.answer(f"docker pull {IMAGE}:c0ffee-nuclei", out="it is here")
    build(cloud, last="build", **changed)
    assert cloud.calls("docker buildx build")


@pytest.mark.parametrize(
    ("call", "answer", "step", "never"),
    [
        ("^make test", {"status": 2}, "test", "docker"),
        ("^docker buildx build", {"status": 1}, "build", "gcloud"),
        ("images scan", {"status": 1, "err": "PERMISSION_DENIED"}, "scan", "docker push"),
        ("images scan", {"out": ""}, "scan", "docker push"),  # no result is no clean bill
        ("list-vulnerabilities", {"status": 1}, "scan", "docker push"),  # neither is none that can be read
        ("list-vulnerabilities", {"out": "CRITICAL\t\tCVE-9\tzlib\t2\n"}, "scan", "docker push"),
        (
            "list-vulnerabilities",
            {"out": "LOW\t\tCVE-2\nCRITICAL\tTrue\tCVE-9\tzlib\t2\n"},
            "scan",
            "docker push",
        ),
        ("list-vulnerabilities", {"out": "CRITICAL\tTrue\tCVE-9\tzlib\t\n"}, "scan", "docker push"),
        ("^docker push", {"status": 1}, "push", "kubectl"),
        ("^docker push .*:c0ffee-nuclei", {"status": 1}, "push", "kubectl"),
        ("^docker image inspect", {"out": "other/name@sha256:00\n"}, "push", "kubectl"),
        ("get-credentials", {"status": 1}, "deploy", "kubectl"),
        ("builds describe", {"status": 1}, "turn", "kubectl"),
        ("builds list", {"status": 1}, "turn", "kubectl"),  # not knowing is not being alone
        ("versions list", {"status": 1}, "deploy", "kubectl"),
        ("versions list", {"out": ""}, "deploy", "kubectl"),  # no key: open to everybody
        ("versions access", {"status": 1}, "deploy", "kubectl"),
        ("get secret", {"status": 1}, "deploy", "kubectl --namespace=maskserve-staging apply"),
        ("get --filename", {"status": 1}, "deploy", "kubectl --namespace=maskserve-staging apply"),
    ],
)
def test_a_step_that_fails_fails_the_build_and_nothing_comes_after_it(
    cloud: Workspace, call: str, answer: dict[str, Any], step: str, never: str
) -> None:
    cloud.answer(call, **answer)
    failed, said = build(cloud)
    assert failed == step, said
    assert not cloud.calls(never)


def test_a_critical_vulnerability_is_named(cloud: Workspace) -> None:
    cloud.answer("list-vulnerabilities", out="CRITICAL\tTrue\tCVE-9\tzlib\t2.0\n")
    assert "CVE-9\tzlib\t2.0" in build(cloud)[1]


def test_one_without_a_fix_is_named_and_holds_up_nothing(cloud: Workspace) -> None:
    cloud.answer("list-vulnerabilities", out="CRITICAL\tFalse\tCVE-8\tzlib\t\nCRITICAL\t\tCVE-9\tzlib\t\n")
    failed, said = build(cloud, last="scan")
    assert failed is None, said
    assert "CVE-8" in said and "CVE-9" in said


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_an_earlier_build_of_the_overlay_is_waited_for(cloud: Workspace, overlay: str) -> None:
    cloud.answer("builds list", out="b-0\n", once=True)
    cloud.stand_in("sleep")
    _, said = build(cloud, last="turn", _OVERLAY=overlay)
    assert "Waiting for earlier builds: b-0\n" in said
    filters = f'--filter=substitutions._OVERLAY={overlay} AND createTime<"2026-11-21T10:00:00Z"'
    asked = f"gcloud builds list --region=europe-west1 --ongoing --format=value(id) {filters}"
    assert cloud.calls("gcloud builds") == [
        "gcloud builds describe b-1 --region=europe-west1 --format=value(createTime)",
        asked,
        asked,
    ]


def test_gcloud_has_each_command_and_option_that_a_build_uses(cloud: Workspace, tmp_path: Path) -> None:
    build(cloud)
    used = gcloud_commands(cloud)
    assert len(used) >= 8
    assert complaints(used, tmp_path) == []
