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
from pipeline import BUILD, BUILT_IN, DEPLOY, DEPLOY_FILE, FILE, IMAGE, build, substituted
from workspace import ROOT, Workspace

BUILDER = ROOT / "scripts" / "gcp" / "builder"


@pytest.mark.parametrize("file", [FILE, DEPLOY_FILE, BUILDER / "cloudbuild.yaml"], ids=lambda file: file.name)
def test_a_build_fits_its_schema(file: Path) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.cloudbuild", str(file)]
    assert subprocess.run(check, capture_output=True, text=True).returncode == 0


@pytest.mark.parametrize("file", [FILE, DEPLOY_FILE], ids=lambda file: file.name)
def test_every_substitution_is_declared_and_every_declared_one_is_used(file: Path) -> None:
    lines = [line.split("#")[0] for line in file.read_text().splitlines()]
    used = set(re.findall(r"\$\{?(\w+)", "\n".join(lines)))
    declared = yaml.safe_load(file.read_text())["substitutions"].keys()
    assert declared <= used <= declared | BUILT_IN.keys()


def test_builds_and_deployments_run_in_one_image_and_mean_one_image() -> None:
    shared = ("_BUILDER", "_IMAGE", "_REGION", "_REPOSITORY", "_MODEL")
    assert {name: BUILD["substitutions"][name] for name in shared} == {
        name: DEPLOY["substitutions"][name] for name in shared
    }


def test_each_step_is_of_a_version_and_nothing_is_pulled_from_docker_hub_itself() -> None:
    names = [substituted(step["name"], config) for config in (BUILD, DEPLOY) for step in config["steps"]]
    for name in names:
        assert re.fullmatch(r"europe-west1-docker\.pkg\.dev/my-project/\S+:v?\d[\w.-]+", name)


def test_whatever_deploys_to_the_cluster_installs_the_plugin_by_which_kubectl_signs_in() -> None:
    # `get-credentials` makes kubectl run gke-gcloud-auth-plugin, which no package brings along.
    assert "get-credentials" in (ROOT / "scripts/deploy.sh").read_text()
    installs = (BUILDER / "Dockerfile").read_text().partition("apt-get install")[2]
    assert "google-cloud-cli-gke-gcloud-auth-plugin" in installs
    assert "&& gke-gcloud-auth-plugin --version" in installs
    for workflow in (ROOT / ".github/workflows").glob("*.yml"):
        text = workflow.read_text()
        assert "scripts/deploy.sh" not in text or "gke-gcloud-auth-plugin" in text, workflow


def test_a_build_without_signed_provenance_fails() -> None:
    (built,) = BUILD["images"]
    assert substituted(built) == f"{IMAGE}:b-1"
    assert BUILD["options"]["requestedVerifyOption"] == "VERIFIED"


def test_a_build_that_goes_well_tests_builds_scans_and_lists_what_is_inside(cloud: Workspace) -> None:
    failed, said = build(cloud)
    assert failed is None, said
    wanted = [
        "make lint",
        "make test",
        "docker buildx build",
        "gcloud artifacts docker images scan",
        f"syft scan docker:{IMAGE}:b-1",
    ]
    positions = [next(i for i, call in enumerate(cloud.calls()) if call.startswith(want)) for want in wanted]
    assert positions == sorted(positions)
    (listed,) = cloud.calls("syft")
    assert listed.endswith("=" + BUILD["artifacts"]["objects"]["paths"][0])


@pytest.mark.parametrize("tool", ["checkov/bin/checkov", "helm/bin/python", "bin/zizmor"])
def test_a_build_in_which_tests_would_be_skipped_for_want_of_a_tool_fails(
    cloud: Workspace, tool: str
) -> None:
    (cloud.path / ".venv" / tool).unlink()
    failed, said = build(cloud, last="test")
    assert failed == "test"
    assert f".ci/run: .venv/{tool} is missing" in said
    assert cloud.calls("make") == ["make dev"]


def test_a_build_cannot_deploy(cloud: Workspace) -> None:
    build(cloud)
    assert (
        not cloud.calls("kubectl")
        and not cloud.calls("gcloud container")
        and not cloud.calls("gcloud secrets")
    )


def test_base_image_and_buildkit_come_through_the_registry(cloud: Workspace) -> None:
    build(cloud, last="build")
    hub = "europe-west1-docker.pkg.dev/my-project/docker-hub"
    (made,) = cloud.calls("docker buildx create")
    assert f"--driver-opt image={hub}/moby/buildkit:v" in made
    (base,) = re.findall(r"^ARG BASE=docker\.io/(\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    (call,) = cloud.calls("docker buildx build")
    assert f"--build-arg BASE={hub}/{base} " in call


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


@pytest.mark.parametrize(
    ("call", "answer", "step", "never"),
    [
        ("^make test", {"status": 2}, "test", "docker"),
        ("^docker buildx build", {"status": 1}, "build", "gcloud"),
        ("images scan", {"status": 1, "err": "PERMISSION_DENIED"}, "scan", "syft"),
        ("images scan", {"out": ""}, "scan", "syft"),  # no result is no clean bill
        ("list-vulnerabilities", {"status": 1}, "scan", "syft"),  # neither is none that can be read
        ("list-vulnerabilities", {"out": "CRITICAL\t\tCVE-9\tzlib\t2\n"}, "scan", "syft"),
        (
            "list-vulnerabilities",
            {"out": "LOW\t\tCVE-2\nCRITICAL\tTrue\tCVE-9\tzlib\t2\n"},
            "scan",
            "syft",
        ),
        ("list-vulnerabilities", {"out": "CRITICAL\tTrue\tCVE-9\tzlib\t\n"}, "scan", "syft"),
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


def test_gcloud_has_each_command_and_option_that_a_build_uses(cloud: Workspace, tmp_path: Path) -> None:
    build(cloud)
    used = gcloud_commands(cloud)
    assert len(used) == 2
    assert complaints(used, tmp_path) == []
