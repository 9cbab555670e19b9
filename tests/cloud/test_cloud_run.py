"""deploy/cloud-run: the service fits Cloud Run, and a new revision gets traffic while it serves well."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from gcloud_lint import complaints, gcloud_commands
from gcloud_messages import complaint
from workspace import HERE, ROOT, Workspace

from app.configuration.settings import DEFINITIONS, Settings

IMAGE = "europe-west1-docker.pkg.dev/my-project/maskserve/maskserve@sha256:" + "ab" * 32
OLD = "maskserve-20261101-101010"
URL = "https://candidate---maskserve-x-ew.a.run.app"
SERVICE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/cloud-run/service.yaml").read_text())
POD = SERVICE["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
SET = {variable["name"]: variable.get("value") for variable in CONTAINER["env"]}


@pytest.fixture
def cloud(workspace: Workspace) -> Workspace:
    """A project with a service that runs OLD; a new revision becomes ready and finds segments."""
    workspace.stand_in("gcloud", "sleep")
    smoke = workspace.path / "scripts" / "smoke.sh"
    smoke.unlink()
    smoke.symlink_to(HERE / "stand_in.sh")
    workspace.answer("run services list", out=f"{OLD},100,,\nmaskserve-new,0,candidate,{URL}\n")
    workspace.answer("versions access", out="the-key-0123456789")
    keep = f'cp "$4" {shlex.quote(str(workspace.folder / "service.yaml"))}'
    workspace.answer("run services replace", run=["bash", "-c", keep, "_"])
    return workspace


def deploy(workspace: Workspace, *options: str) -> subprocess.CompletedProcess[str]:
    return workspace.run("deploy/cloud-run/deploy.sh", "my-project", IMAGE, *options)


def deployed(workspace: Workspace) -> dict[str, Any]:
    """The service as it was sent."""
    document: dict[str, Any] = yaml.safe_load((workspace.folder / "service.yaml").read_text())
    return document


def shares(workspace: Workspace) -> list[str]:
    """What the traffic was set to, call by call; the new revision is NEW."""
    given = [
        re.search(r"--to-\w+=(.*)", call)
        for call in workspace.calls("gcloud run services update-traffic maskserve")
    ]
    return [re.sub(r"^maskserve-(?!20261101)[\d-]+", "NEW", found[1]) for found in given if found]


def test_traffic_moves_in_steps_and_each_is_checked(cloud: Workspace) -> None:
    ended = deploy(cloud)
    assert ended.returncode == 0, ended.stderr
    assert shares(cloud) == ["NEW=5", "NEW=25", "NEW=100"]
    assert cloud.calls("sleep") == ["sleep 120"] * 3
    assert len(cloud.calls(f"smoke.sh {URL} nuclei app/static/samples/fluorescence.png")) == 4
    assert len(cloud.calls("gcloud logging read")) == 3


def test_a_new_revision_starts_without_traffic_and_the_one_before_can_be_named(cloud: Workspace) -> None:
    deploy(cloud)
    new = deployed(cloud)["spec"]["template"]["metadata"]["name"]
    assert deployed(cloud)["spec"]["traffic"] == [
        {"revisionName": OLD, "percent": 100, "tag": "previous"},
        {"revisionName": new, "percent": 0, "tag": "candidate"},
    ]
    assert deployed(cloud)["spec"]["template"]["spec"]["containers"][0]["image"] == IMAGE
    assert not re.search(r"\b(SERVICE|REVISION|PROJECT|IMAGE)\b", (cloud.folder / "service.yaml").read_text())


def test_the_first_revision_has_all_traffic(cloud: Workspace) -> None:
    cloud.answer("run services list", out="", once=True)
    ended = deploy(cloud)
    assert ended.returncode == 0, ended.stderr
    (traffic,) = deployed(cloud)["spec"]["traffic"]
    assert traffic["percent"] == 100
    assert shares(cloud) == []


def test_after_an_interrupted_deployment_the_revision_with_most_traffic_counts(cloud: Workspace) -> None:
    cloud.answer("run services list", out=f"maskserve-bad,25,candidate,{URL}\n{OLD},75,previous,https://x\n")
    deploy(cloud)
    assert deployed(cloud)["spec"]["traffic"][0] == {"revisionName": OLD, "percent": 100, "tag": "previous"}


@pytest.mark.parametrize(
    ("to", "given"),
    [
        ({"to": "^smoke.sh", "status": 1}, [f"{OLD}=100"]),
        ({"to": "logging read", "out": "2026-11-30\t500\thttps://x\n"}, ["NEW=5", f"{OLD}=100"]),
        ({"to": "logging read", "status": 1}, ["NEW=5", f"{OLD}=100"]),
        ({"to": "update-traffic.*=25", "status": 1}, ["NEW=5", "NEW=25", f"{OLD}=100"]),
    ],
    ids=["no segments", "errors", "errors that cannot be read", "traffic that cannot be moved"],
)
def test_what_fails_goes_back_to_the_revision_before(
    cloud: Workspace, to: dict[str, Any], given: list[str]
) -> None:
    cloud.answer(**to)
    ended = deploy(cloud)
    assert ended.returncode == 1
    assert f"All traffic is with {OLD} again" in ended.stderr
    assert shares(cloud) == given


def test_a_revision_that_does_not_start_changes_no_traffic(cloud: Workspace) -> None:
    cloud.answer("run services replace", status=1, err="ERROR: the container failed to start")
    ended = deploy(cloud)
    assert ended.returncode == 1
    assert "did not become ready. Traffic is where it was" in ended.stderr
    assert shares(cloud) == []


def test_rolling_back_is_one_call(cloud: Workspace) -> None:
    ended = cloud.run("deploy/cloud-run/deploy.sh", "my-project", "--roll-back")
    assert ended.returncode == 0, ended.stderr
    assert shares(cloud) == ["previous=100"]
    assert len(cloud.calls()) == 1


def test_a_dry_run_shows_the_service_and_changes_nothing(cloud: Workspace) -> None:
    dry = deploy(cloud, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert {call.split()[3] for call in cloud.calls("gcloud")} == {"list"}
    document = yaml.safe_load(dry.stdout.partition("would run:")[0])
    assert document["metadata"]["name"] == "maskserve"
    assert dry.stdout.count("would run: gcloud run services update-traffic") == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "PROJECT is required"),
        (["my-project", "maskserve:latest"], "expected an image with a digest"),
        (["my-project", IMAGE, "--steps", "5,25"], "the last one 100"),
        (["my-project", IMAGE, "--steps", "0,100"], "the last one 100"),
        (["my-project", IMAGE, "--pause", "soon"], "must be a number of seconds"),
        (["my-project", IMAGE, "more"], "'more' is a third"),
        (["my-project", IMAGE, "--region"], "--region needs a value"),
    ],
)
def test_what_is_wrong_is_said_before_anything_happens(
    cloud: Workspace, arguments: list[str], said: str
) -> None:
    ended = cloud.run("deploy/cloud-run/deploy.sh", *arguments)
    assert ended.returncode == 1
    assert said in ended.stderr
    assert cloud.calls() == []


def test_gcloud_has_every_command_and_option(cloud: Workspace, tmp_path: Path) -> None:
    deploy(cloud)
    cloud.run("deploy/cloud-run/deploy.sh", "my-project", "--roll-back")
    assert complaints(gcloud_commands(cloud), tmp_path) == []


# --- The service


def test_it_fits_the_schema_of_cloud_run(cloud: Workspace) -> None:
    assert complaint("run.v1", "Service", SERVICE) == ""
    deploy(cloud)
    assert complaint("run.v1", "Service", deployed(cloud)) == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [("containerConcurrency: 4", "concurrency: 4"), ("failureThreshold: 120", "failureThreshold: x")],
)
def test_the_schema_finds_a_wrong_field_and_a_wrong_value(old: str, new: str) -> None:
    text = (ROOT / "deploy/cloud-run/service.yaml").read_text()
    assert old in text
    assert complaint("run.v1", "Service", yaml.safe_load(text.replace(old, new)))


KNOWN = {  # docs.cloud.google.com/run/docs/reference/yaml/v1
    "autoscaling.knative.dev/minScale",
    "autoscaling.knative.dev/maxScale",
    "run.googleapis.com/cpu-throttling",
    "run.googleapis.com/execution-environment",
    "run.googleapis.com/ingress",
    "run.googleapis.com/invoker-iam-disabled",
    "run.googleapis.com/startup-cpu-boost",
}


def test_annotations_are_known_and_texts() -> None:
    annotations = SERVICE["metadata"]["annotations"] | SERVICE["spec"]["template"]["metadata"]["annotations"]
    assert set(annotations) <= KNOWN
    assert all(isinstance(value, str) for value in annotations.values())


def test_its_settings_exist_and_are_valid() -> None:
    known = {definition.name for definition in DEFINITIONS} | {
        "MASKSERVE_WORKER_MEMORY",
        "GOOGLE_CLOUD_PROJECT",
    }
    assert set(SET) <= known
    Settings.from_environment(
        {name: value for name, value in SET.items() if value and name.startswith("MASK")}
    )


def test_an_instance_gets_no_more_requests_than_it_has_places_for() -> None:
    assert POD["containerConcurrency"] <= int(SET["MASKSERVE_QUEUE"])


def test_cloud_run_waits_until_the_service_has_given_up() -> None:
    assert POD["timeoutSeconds"] >= int(SET["MASKSERVE_WORKER_TIMEOUT"]) + 20
    assert int(SET["MASKSERVE_WORKER_TIMEOUT"]) > int(SET["MASKSERVE_REQUEST_TIMEOUT"])


def test_a_request_that_cloud_run_would_cut_is_refused_by_the_service_itself() -> None:
    assert int(SET["MASKSERVE_MAX_BATCH_BYTES"]) <= 32 * 2**20


def test_a_process_is_replaced_before_the_memory_is_full() -> None:
    limit = CONTAINER["resources"]["limits"]["memory"]
    assert limit == "4Gi"
    assert int(SET["MASKSERVE_WORKER_MEMORY"]) <= 3 * 1024


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe"])
def test_probes_are_within_the_limits_and_their_paths_are_answered(probe: str) -> None:
    asked = CONTAINER[probe]
    assert asked["timeoutSeconds"] <= asked["periodSeconds"]
    assert asked["periodSeconds"] * asked["failureThreshold"] <= 240
    assert not asked["httpGet"]["path"].endswith("z")  # reserved by Cloud Run
    routes = "".join(file.read_text() for file in (ROOT / "app/routes").glob("*.py"))
    assert f'"{asked["httpGet"]["path"]}"' in routes


def test_keys_come_from_secret_manager() -> None:
    (keys,) = (variable for variable in CONTAINER["env"] if variable["name"] == "MASKSERVE_API_KEYS")
    assert keys["valueFrom"]["secretKeyRef"] == {"name": "maskserve-api-key", "key": "latest"}
