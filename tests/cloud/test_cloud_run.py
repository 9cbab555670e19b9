"""deploy/cloud-run: the service fits Cloud Run, and a new revision gets traffic while it serves well."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from gcloud_lint import complaints, gcloud_commands
from gcloud_messages import complaint
from traffic_stand_in import URL
from workspace import HERE, ROOT, Workspace

from app.configuration.settings import DEFINITIONS, Settings

IMAGE = "europe-west1-docker.pkg.dev/my-project/maskserve/maskserve@sha256:" + "ab" * 32
OLD, OLDER = "maskserve-20261101-101010", "maskserve-20261011-101010"
SERVICE: dict[str, Any] = yaml.safe_load((ROOT / "deploy/cloud-run/service.yaml").read_text())
POD = SERVICE["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
SET = {variable["name"]: variable.get("value") for variable in CONTAINER["env"]}


@pytest.fixture
def cloud(workspace: Workspace) -> Workspace:
    """A project with a service that runs OLD, and ran OLDER before; a new revision finds segments."""
    workspace.stand_in("gcloud", "sleep")
    smoke = workspace.path / "scripts" / "smoke.sh"
    smoke.unlink()
    smoke.symlink_to(HERE / "stand_in.sh")
    runs(workspace, f"{OLD},100,", f"{OLDER},,previous")
    workspace.answer("versions access", out="the-key-0123456789")
    keep = [sys.executable, str(HERE / "traffic_stand_in.py"), str(workspace.folder)]
    workspace.answer("gcloud run services", run=keep)
    return workspace


def runs(workspace: Workspace, *lines: str) -> None:
    """Let the service have this traffic: revision, per cent, tag."""
    (workspace.folder / "traffic").write_text("".join(f"{line}\n" for line in lines))


def tag_previous(workspace: Workspace) -> str | None:
    """The revision to which --roll-back would go."""
    lines = (line.split(",") for line in (workspace.folder / "traffic").read_text().splitlines())
    return next((name for name, _, tag in lines if tag == "previous"), None)


def deploy(workspace: Workspace, *options: str) -> subprocess.CompletedProcess[str]:
    return workspace.run("deploy/cloud-run/deploy.sh", "my-project", IMAGE, *options)


def deployed(workspace: Workspace) -> dict[str, Any]:
    """The service as it was sent."""
    document: dict[str, Any] = yaml.safe_load((workspace.folder / "service.yaml").read_text())
    return document


def shares(workspace: Workspace) -> list[str]:
    """What the traffic was set to, call by call; the new revision is NEW."""
    given = [
        re.search(r"--to-\w+=(\S*)", call)
        for call in workspace.calls("gcloud run services update-traffic maskserve")
    ]
    return [re.sub(rf"^(?!{OLD}|{OLDER})maskserve-[\d-]+", "NEW", found[1]) for found in given if found]


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
    runs(cloud)
    ended = deploy(cloud)
    assert ended.returncode == 0, ended.stderr
    (traffic,) = deployed(cloud)["spec"]["traffic"]
    assert traffic["percent"] == 100
    assert shares(cloud) == []


def test_after_an_interrupted_deployment_the_revision_with_most_traffic_counts(cloud: Workspace) -> None:
    runs(cloud, "maskserve-bad,25,candidate", f"{OLD},75,previous")
    deploy(cloud)
    assert deployed(cloud)["spec"]["traffic"][0] == {"revisionName": OLD, "percent": 100, "tag": "previous"}


@pytest.mark.parametrize(
    ("to", "given"),
    [
        ({"to": "^smoke.sh", "status": 1}, [f"{OLD}=100"]),
        ({"to": "logging read", "out": "2026-11-30\t503\thttps://x\n"}, ["NEW=5", f"{OLD}=100"]),
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


def test_a_crash_counts_as_an_error_though_the_log_has_it_as_503_or_without_a_request(
    cloud: Workspace,
) -> None:
    deploy(cloud)
    (looked, *_) = cloud.calls("gcloud logging read")
    assert "httpRequest.status=(500 OR 502 OR 503 OR 504)" in looked
    assert 'OR (log_id("run.googleapis.com/varlog/system") AND severity>=ERROR)' in looked


def test_a_revision_that_does_not_start_changes_no_traffic(cloud: Workspace) -> None:
    cloud.answer("run services replace", status=1, err="ERROR: the container failed to start")
    ended = deploy(cloud)
    assert ended.returncode == 1
    assert f"did not become ready. All traffic is with {OLD} again" in ended.stderr
    assert shares(cloud) == [f"{OLD}=100"]


def test_after_a_failure_rolling_back_still_leads_to_the_revision_before(cloud: Workspace) -> None:
    cloud.answer("^smoke.sh", status=1)
    deploy(cloud)
    assert tag_previous(cloud) == OLDER


def test_after_the_first_failure_there_is_no_revision_to_roll_back_to(cloud: Workspace) -> None:
    runs(cloud, f"{OLD},100,")
    cloud.answer("^smoke.sh", status=1)
    deploy(cloud)
    assert tag_previous(cloud) is None
    ended = roll_back(cloud)
    assert ended.returncode == 1
    assert "there is none to go back to" in ended.stderr


def test_a_deployment_stops_when_somebody_rolls_back_in_its_pause(cloud: Workspace) -> None:
    script = cloud.path / "deploy/cloud-run/deploy.sh"
    cloud.answer("sleep", run=["bash", "-c", f"{script} my-project --roll-back"])
    ended = deploy(cloud)
    assert ended.returncode == 1
    assert f"somebody else has moved the traffic meanwhile: it is {OLD}=100" in ended.stderr
    assert shares(cloud) == ["NEW=5", f"{OLD}=100"]


def test_a_deployment_stops_for_another_one_even_if_its_own_revision_fails(cloud: Workspace) -> None:
    other = f"printf 'maskserve-other,100,\\n' >{cloud.folder / 'traffic'}; exit 1"
    cloud.answer("^smoke.sh", run=["bash", "-c", other])
    ended = deploy(cloud)
    assert ended.returncode == 1
    assert "it is maskserve-other=100" in ended.stderr
    assert shares(cloud) == []


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_deployment_gives_the_traffic_back(cloud: Workspace, sent: signal.Signals) -> None:
    to_the_script = f'kill -{sent.value} "$(ps -o ppid= -p $$ | tr -d " ")"; exec /bin/sleep 60'
    cloud.answer("sleep", run=["bash", "-c", to_the_script])
    ended = deploy(cloud)
    assert ended.returncode == 1
    assert f"was interrupted. All traffic is with {OLD} again" in ended.stderr
    assert shares(cloud) == ["NEW=5", f"{OLD}=100"]
    assert tag_previous(cloud) == OLDER


def roll_back(workspace: Workspace) -> subprocess.CompletedProcess[str]:
    return workspace.run("deploy/cloud-run/deploy.sh", "my-project", "--roll-back")


def test_rolling_back_gives_all_traffic_to_the_revision_before_and_names_it(cloud: Workspace) -> None:
    ended = roll_back(cloud)
    assert ended.returncode == 0, ended.stderr
    assert shares(cloud) == [f"{OLDER}=100"]
    assert f"Revision {OLDER} has all traffic" in ended.stdout


def test_rolling_back_twice_fails_and_says_how_to_go_further(cloud: Workspace) -> None:
    roll_back(cloud)
    ended = roll_back(cloud)
    assert ended.returncode == 1
    assert f"revision {OLDER}, the one before, has all traffic already" in ended.stderr
    assert "--to-revisions=REVISION=100" in ended.stderr
    assert shares(cloud) == [f"{OLDER}=100"]


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
    roll_back(cloud)
    cloud.answer("^smoke.sh", status=1)
    deploy(cloud)  # goes back
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


def test_it_scales_from_none_to_a_bound_and_starts_with_more_processors_than_it_serves_with() -> None:
    annotations = SERVICE["spec"]["template"]["metadata"]["annotations"]
    assert annotations["autoscaling.knative.dev/minScale"] == "0"
    assert 1 <= int(annotations["autoscaling.knative.dev/maxScale"]) <= 20
    assert annotations["run.googleapis.com/startup-cpu-boost"] == "true"
    assert annotations["run.googleapis.com/cpu-throttling"] == "true"  # idle ones cost nothing
    server = yaml.safe_load((ROOT / "k8s/server/deployment.yaml").read_text())["spec"]["template"]["spec"]
    limits = server["containers"][0]["resources"]["limits"]  # as measured: k8s/README.md
    assert POD["containers"][0]["resources"]["limits"] == {name: limits[name] for name in ("cpu", "memory")}


def test_its_settings_exist_and_are_valid() -> None:
    known = {definition.name for definition in DEFINITIONS} | {
        "MASKSERVE_WORKER_MEMORY",
        "GOOGLE_CLOUD_PROJECT",
    }
    assert set(SET) <= known
    given = {name: value for name, value in SET.items() if value and name.startswith("MASK")}
    Settings.from_environment(given | {"MASKSERVE_API_KEYS": "from-secret-manager"})


def test_callers_need_a_key_of_the_service_and_no_account_at_google() -> None:
    annotations = SERVICE["metadata"]["annotations"]
    assert annotations["run.googleapis.com/invoker-iam-disabled"] == "true"
    assert annotations["run.googleapis.com/ingress"] == "all"
    assert "MASKSERVE_API_KEYS" in SET


def test_strangers_cannot_read_its_metrics() -> None:
    assert SET["MASKSERVE_METRICS"] == "key"
    assert "MASKSERVE_API_KEYS" in SET


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
