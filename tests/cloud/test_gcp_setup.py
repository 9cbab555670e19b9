"""scripts/gcp-setup.sh, on a stand-in for gcloud that remembers what was made."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from gcloud_lint import complaints, gcloud_commands
from pipeline import substituted
from workspace import HERE, ROOT, Workspace

BUILD = yaml.safe_load((ROOT / "cloudbuild.yaml").read_text())
SETUP = ("scripts/gcp-setup.sh", "my-project", "--domain", "segment.example.org")
GITHUB = ("--github", "us/maskserve")
CHANGES = re.compile(
    r" (create|submit|create-auto|add|add-iam-policy-binding|enable|deploy|service-agent)( |$)"
)


@pytest.fixture
def cloud(workspace: Workspace) -> Workspace:
    """An empty project, whose connection to GitHub is allowed as soon as it is made."""
    return empty_project(workspace)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A project that was set up, with GitHub; for tests that only look."""
    cloud = empty_project(Workspace.below(tmp_path_factory.mktemp("finished")))
    assert set_up(cloud, *GITHUB).returncode == 0
    return cloud


@pytest.fixture(scope="module")
def finished_with_source_repositories(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    cloud = empty_project(Workspace.below(tmp_path_factory.mktemp("finished")))
    assert set_up(cloud, "--source-repositories", "maskserve").returncode == 0
    return cloud


@pytest.fixture
def set_up_before(finished: Workspace, tmp_path: Path) -> Workspace:
    """A copy of that, to set up once more."""
    shutil.copytree(finished.path, tmp_path / "workspace")
    shutil.copytree(finished.folder, tmp_path / "stand-ins")
    return Workspace(tmp_path / "workspace", tmp_path / "stand-ins")


def empty_project(workspace: Workspace) -> Workspace:
    workspace.stand_in("gcloud", script=HERE / "gcloud_with_memory.py")
    workspace.stand_in("sleep")
    project(workspace)
    return workspace


def project(workspace: Workspace, **said: Any) -> None:
    """How the project stands: who asks, GitHub's connection, the function's address.

    And what fails, or is answered otherwise, by how the command begins.
    """
    usual = {
        "account": "me@example.org",
        "connection": "COMPLETE\t",
        "address": "https://function.example",
        "fails": {},
        "answers": {},
    }
    (workspace.folder / "project.json").write_text(json.dumps(usual | said))


def set_up(workspace: Workspace, *arguments: str) -> subprocess.CompletedProcess[str]:
    return workspace.run(*SETUP, *arguments)


def changes(workspace: Workspace) -> list[str]:
    return [call for call in workspace.calls("gcloud") if CHANGES.search(call)]


def place(calls: list[str], wanted: str) -> int:
    (position,) = (i for i, call in enumerate(calls) if call.startswith(f"gcloud {wanted}"))
    return position


def test_a_dry_run_changes_nothing_and_tells_exactly_what_the_run_then_does(cloud: Workspace) -> None:
    dry = set_up(cloud, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert changes(cloud) == []
    assert dry.stdout.endswith("Nothing was done.\n")
    told = re.findall(r"^would (.*):$", dry.stdout, re.MULTILINE)
    done = set_up(cloud).stdout.splitlines()
    assert [line for line in done if not line.startswith(("No trigger", "All is there"))] == told


def test_what_others_are_made_from_is_made_first(finished: Workspace) -> None:
    calls = changes(finished)
    order = [
        "services enable",
        "iam service-accounts create maskserve-nodes",
        "artifacts repositories create maskserve",
        "container clusters create-auto maskserve",
        "builds submit scripts/gcp/builder",
        "storage buckets create gs://my-project-maskserve-images",
        "pubsub topics create maskserve-images",
        "storage buckets notifications create",
        "run deploy maskserve-events",
        "pubsub subscriptions create maskserve-images",
        "builds triggers create github --name=maskserve-staging",
    ]
    positions = [place(calls, wanted) for wanted in order]
    assert positions == sorted(positions)


def test_a_second_run_changes_nothing(set_up_before: Workspace) -> None:
    made = changes(set_up_before)
    again = set_up(set_up_before, *GITHUB)
    assert again.returncode == 0, again.stderr
    assert changes(set_up_before) == made


def test_a_changed_function_is_deployed_again_and_nothing_else(set_up_before: Workspace) -> None:
    made = changes(set_up_before)
    with (set_up_before.path / "functions" / "main.py").open("a") as code:
        code.write("# changed\n")
    set_up(set_up_before, *GITHUB)
    (change,) = changes(set_up_before)[len(made) :]
    assert change.startswith("gcloud run deploy maskserve-events")


def test_a_function_with_other_limits_is_deployed_again(set_up_before: Workspace) -> None:
    made = changes(set_up_before)
    script = set_up_before.path / "scripts" / "gcp" / "events.sh"
    script.write_text(script.read_text().replace("--timeout=300", "--timeout=301"))
    set_up(set_up_before, *GITHUB)
    (change,) = changes(set_up_before)[len(made) :]
    assert "--timeout=301" in change


def test_a_function_that_did_not_become_ready_is_deployed_again_until_it_is(cloud: Workspace) -> None:
    project(cloud, fails={"run deploy": "ERROR: Revision 'maskserve-events-1' is not ready"})
    assert set_up(cloud, *GITHUB).returncode == 1
    assert "All is there" not in set_up(cloud, *GITHUB).stdout
    project(cloud)
    again = set_up(cloud, *GITHUB)
    assert "deploy function maskserve-events" in again.stdout
    assert "All is there" in again.stdout
    assert "deploy function maskserve-events" not in set_up(cloud, *GITHUB).stdout


def test_the_function_is_subscribed_only_by_its_own_address(cloud: Workspace) -> None:
    project(cloud, address="")
    stopped = set_up(cloud)
    assert stopped.returncode == 1
    assert "function maskserve-events has no address yet" in stopped.stderr
    assert not [call for call in changes(cloud) if "subscriptions create maskserve-images" in call]


def test_the_image_of_the_builds_steps_is_made_under_the_tag_that_they_name(finished: Workspace) -> None:
    (call,) = (call for call in changes(finished) if "builds submit" in call)
    base = re.search(r"^ARG BASE=(\S+@sha256:\w{64})$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert base
    assert f"_BASE={base[1]},_IMAGE={substituted(BUILD['substitutions']['_BUILDER'])} " in call


def test_another_tag_has_another_image_made_and_nothing_else(set_up_before: Workspace) -> None:
    made = changes(set_up_before)
    build = set_up_before.path / "cloudbuild.yaml"
    build.write_text(build.read_text().replace("/builder:2026.11", "/builder:2027.1"))
    set_up(set_up_before, *GITHUB)
    (change,) = changes(set_up_before)[len(made) :]
    assert change.startswith("gcloud builds submit") and "/builder:2027.1" in change


@pytest.mark.parametrize(
    ("look_up", "answer", "said"),
    [
        (
            "artifacts repositories describe",
            "MAVEN",
            "repository maskserve exists with MAVEN instead of DOCKER",
        ),
        ("container clusters describe", "PROVISIONING", "cluster maskserve is still being made"),
        ("container clusters describe", "ERROR", "cluster maskserve could not be made"),
        (
            "storage buckets describe",
            "US",
            "bucket my-project-maskserve-source exists with US instead of EUROPE",
        ),
        (
            "certificate-manager maps entries describe",
            "old.example.org",
            "entry maskserve of the certificate map exists with old.example.org",
        ),
        (
            "pubsub subscriptions describe maskserve-images",
            "https://old.example/",
            "subscription maskserve-images exists with https://old.example/",
        ),
        (
            "builds triggers describe",
            "",  # of another kind of repository
            "trigger maskserve-staging exists with something else",
        ),
    ],
)
def test_what_is_there_but_unfinished_or_otherwise_is_not_taken_for_done(
    set_up_before: Workspace, look_up: str, answer: str, said: str
) -> None:
    made = changes(set_up_before)
    project(set_up_before, answers={look_up: answer})
    stopped = set_up(set_up_before, *GITHUB)
    assert stopped.returncode == 1
    assert said in stopped.stderr
    assert changes(set_up_before) == made


@pytest.mark.parametrize(
    ("look_up", "answer", "change"),
    [
        (
            "storage buckets notifications list",
            '[{"topic": "//pubsub.googleapis.com/projects/p/topics/maskserve-images-old"}]',
            "gcloud storage buckets notifications create",
        ),
        ("secrets versions list maskserve-api-key", "", "gcloud secrets versions add maskserve-api-key"),
    ],
    ids=["a notification for another topic", "a secret with no enabled version"],
)
def test_what_is_missing_beside_what_looks_like_it_is_made(
    set_up_before: Workspace, look_up: str, answer: str, change: str
) -> None:
    made = changes(set_up_before)
    project(set_up_before, answers={look_up: answer})
    assert set_up(set_up_before, *GITHUB).returncode == 0
    (made_now,) = changes(set_up_before)[len(made) :]
    assert made_now.startswith(change)


def test_only_enabled_versions_of_a_secret_count(finished: Workspace) -> None:
    calls = finished.calls("gcloud secrets versions list")
    assert calls
    assert all("--filter=state=ENABLED" in call for call in calls)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--domain", "other.example.org", *GITHUB),
            "certificate maskserve exists with segment.example.org instead of other",
        ),
        (
            ("--github", "them/maskserve"),
            "repository exists with https://github.com/us/maskserve.git instead of https://github",
        ),
    ],
)
def test_what_is_there_for_another_domain_or_repository_is_not_half_changed(
    set_up_before: Workspace, arguments: tuple[str, ...], said: str
) -> None:
    made = changes(set_up_before)
    refused = set_up(set_up_before, *arguments)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert changes(set_up_before) == made


def test_the_function_has_a_key_of_its_own(finished: Workspace) -> None:
    readers = {
        (on.split()[-1], member.split(":")[1].split("@")[0])
        for role, on, member in roles(finished)
        if role == "roles/secretmanager.secretAccessor"
    }
    assert readers == {
        ("maskserve-api-key", "maskserve-build"),
        ("maskserve-events-key", "maskserve-build"),
        ("maskserve-events-key", "maskserve-events"),
    }
    (deploy,) = (call for call in changes(finished) if "run deploy" in call)
    assert "--set-secrets=SERVICE_API_KEY=maskserve-events-key:latest" in deploy


@pytest.mark.parametrize(
    ("step", "what"),
    [
        ("services enable", "enable"),
        ("pubsub subscriptions create maskserve-images", "subscribe the function"),
    ],
)
def test_a_step_that_fails_stops_with_what_it_was_and_the_next_run_goes_on_there(
    cloud: Workspace, step: str, what: str
) -> None:
    project(cloud, fails={step: "ERROR: billing is not enabled"})
    stopped = set_up(cloud)
    assert stopped.returncode == 1
    assert "billing is not enabled" in stopped.stderr
    assert f"could not {what}" in stopped.stderr
    assert changes(cloud)[-1].startswith(f"gcloud {step}")

    project(cloud)
    before = len(changes(cloud))
    assert set_up(cloud).returncode == 0
    assert changes(cloud)[before].startswith(f"gcloud {step}")


def test_a_look_up_that_fails_is_not_taken_for_a_thing_that_is_missing(cloud: Workspace) -> None:
    project(cloud, fails={"container clusters describe": "ERROR: PERMISSION_DENIED"})
    stopped = set_up(cloud)
    assert stopped.returncode == 1
    assert "PERMISSION_DENIED" in stopped.stderr
    assert "could not look that up: gcloud container clusters describe" in stopped.stderr
    assert not [call for call in changes(cloud) if "clusters create" in call]


def test_a_dry_run_goes_through_a_project_where_nothing_is_enabled_yet(cloud: Workspace) -> None:
    disabled = "ERROR: SERVICE_DISABLED: the API has not been used in project 123456789 before"
    project(cloud, fails={"artifacts repositories": disabled, "container clusters": disabled})
    assert set_up(cloud, "--dry-run").returncode == 0


def test_a_new_account_that_is_not_known_everywhere_yet_is_waited_for(cloud: Workspace) -> None:
    project(cloud, fails={"projects add-iam-policy-binding": "INVALID_ARGUMENT: account does not exist"})
    set_up(cloud)
    assert cloud.calls("sleep") == ["sleep 5", "sleep 10", "sleep 15", "sleep 20"]


def test_github_asks_for_a_person_and_the_address_is_told(cloud: Workspace) -> None:
    project(cloud, connection="PENDING_USER_OAUTH\thttps://accounts.example/consent")
    stopped = set_up(cloud, *GITHUB)
    assert stopped.returncode == 1
    assert "open https://accounts.example/consent, allow Cloud Build to read us/maskserve" in stopped.stderr
    assert not [call for call in changes(cloud) if "triggers" in call]


@pytest.mark.parametrize("repository", ["github", "cloud-source-repositories"])
def test_main_deploys_staging_and_a_version_production(
    finished: Workspace, finished_with_source_repositories: Workspace, repository: str
) -> None:
    cloud = finished if repository == "github" else finished_with_source_repositories
    triggers = [call for call in changes(cloud) if f"builds triggers create {repository} " in call]
    assert len(triggers) == 2
    assert "--branch-pattern=^main$" in triggers[0] and "_OVERLAY=staging" in triggers[0]
    assert "--tag-pattern=^v.*" in triggers[1] and "_OVERLAY=production" in triggers[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "a project and --domain are needed"),
        (("p",), "a project and --domain are needed"),
        (("p", "--domain"), "--domain needs a value"),
        (("p", "--domain", "d", "--colour", "red"), "there is no option --colour"),
        (("p", "q", "--domain", "d"), "one project at a time: p or q?"),
        (("p", "--domain", "d", "--github", "maskserve"), "--github is OWNER/NAME, not 'maskserve'"),
        (("p", "--domain", "d", "--github", "a/b", "--source-repositories", "c"), "by one repository"),
    ],
)
def test_a_call_that_cannot_be_meant_is_refused_before_anything_is_asked(
    cloud: Workspace, arguments: tuple[str, ...], said: str
) -> None:
    refused = cloud.run("scripts/gcp-setup.sh", *arguments)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert not cloud.calls()


def test_whoever_is_not_signed_in_is_told_so(cloud: Workspace) -> None:
    project(cloud, account="")
    assert "gcloud auth login" in set_up(cloud).stderr
    assert not changes(cloud)


def roles(cloud: Workspace) -> list[tuple[str, str, str]]:
    """Each (role, resource, member) that was given."""
    found = (
        re.match(r"gcloud (.*) add-iam-policy-binding (\S+) .*--member=(\S+) --role=(\S+)", call)
        for call in changes(cloud)
    )
    return [(match[4], f"{match[1]} {match[2]}", match[3]) for match in found if match]


def test_nobody_is_given_more_than_its_task_needs(finished: Workspace) -> None:
    given = roles(finished)
    assert given
    assert not [role for role, _, _ in given if role in ("roles/owner", "roles/editor", "roles/viewer")]
    assert not [member for _, _, member in given if member in ("allUsers", "allAuthenticatedUsers")]
    # In the whole project only what cannot be given on one thing.
    assert {
        (role, member.split(":")[1].split("@")[0]) for role, on, member in given if on.startswith("projects ")
    } == {
        ("roles/container.defaultNodeServiceAccount", "maskserve-nodes"),
        ("roles/logging.logWriter", "maskserve-build"),
        ("roles/ondemandscanning.admin", "maskserve-build"),
        ("roles/container.developer", "maskserve-build"),
        ("roles/cloudbuild.builds.viewer", "maskserve-build"),
        ("roles/run.builder", "maskserve-function-build"),
        ("roles/secretmanager.admin", "service-123456789"),  # Cloud Build itself: GitHub's token
    }


def test_the_pods_of_every_overlay_may_read_models(finished: Workspace) -> None:
    readers = {
        member for role, on, member in roles(finished) if on.endswith("gs://my-project-maskserve-models")
    }
    pool = "projects/123456789/locations/global/workloadIdentityPools/my-project.svc.id.goog"
    overlays = (ROOT / "k8s" / "overlays").glob("*/kustomization.yaml")
    assert readers == {
        f"principal://iam.googleapis.com/{pool}/subject/ns/{yaml.safe_load(path.read_text())['namespace']}/sa/maskserve"
        for path in overlays
    }


def test_names_are_those_of_the_build(finished: Workspace) -> None:
    calls, given = changes(finished), BUILD["substitutions"]
    assert place(calls, f"container clusters create-auto {given['_CLUSTER']} --region={given['_REGION']}")
    assert place(calls, f"artifacts repositories create {given['_REPOSITORY']} ")
    for trigger in (call for call in calls if "triggers create" in call):
        assert set(re.findall(r"(_[A-Z]+)=", trigger)) <= given.keys()
        assert "--build-config=cloudbuild.yaml" in trigger
        overlay = re.search(r"_OVERLAY=(\w+)", trigger)
        assert overlay and (ROOT / "k8s" / "overlays" / overlay[1]).is_dir()


def test_names_are_those_of_the_manifests(finished: Workspace) -> None:
    calls = changes(finished)
    text = "".join(path.read_text() for path in (ROOT / "k8s").rglob("*.yaml"))
    for entrance in ("maskserve", "maskserve-staging"):
        assert f"networking.gke.io/certmap: {entrance}\n" in text
        assert f"gcloud certificate-manager maps create {entrance}" in calls
        assert f"value: {entrance}\n" in text
        assert f"gcloud compute addresses create {entrance} --global" in calls


def test_the_function_is_given_the_settings_that_it_needs(finished: Workspace) -> None:
    (deploy,) = (call for call in changes(finished) if "run deploy" in call)
    code = "".join(path.read_text() for path in (ROOT / "functions").glob("*.py"))
    given = dict(pair.split("=") for pair in re.findall(r"--set-env-vars=(\S+)", deploy)[0].split(","))
    assert given == {
        "RESULT_BUCKET": "my-project-maskserve-results",
        "RESULT_TOPIC": "projects/my-project/topics/maskserve-results",
        "SERVICE_URL": "https://segment.example.org",
    }
    assert all(f"{name.lower()}: " in code for name in (*given, "SERVICE_API_KEY"))
    (entry,) = re.findall(r"--function=(\w+)", deploy)
    assert f"def {entry}(event: CloudEvent)" in code


def test_scripts_are_clean() -> None:
    if not shutil.which("shellcheck"):
        pytest.skip("shellcheck is missing: Debian's shellcheck")
    scripts = [str(path) for path in (ROOT / "scripts").glob("*.sh")]
    checked = subprocess.run(["shellcheck", "-x", *scripts], cwd=ROOT, capture_output=True, text=True)
    assert checked.stdout == ""


def test_gcloud_has_each_command_and_option_that_is_used(
    finished: Workspace, finished_with_source_repositories: Workspace, tmp_path: Path
) -> None:
    page = re.sub(r"\\\n +", "", (ROOT / "docs" / "deploy-gcp.md").read_text())
    used = set(re.findall(r"^ {4}(gcloud .*)$", page, re.MULTILINE))
    for cloud in (finished, finished_with_source_repositories):
        used |= gcloud_commands(cloud)
    assert complaints(used, tmp_path) == []
