"""deploy/github/setup.sh: which jobs of which repository it lets into the project, and as whom."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from gcloud_lint import complaints
from google_project import NAME, NUMBER, Binding
from setup_run import Cloud, empty_cloud
from workspace import ROOT

SETUP = (
    *("deploy/github/setup.sh", NAME, "--repository", "us/maskserve", "--repository-id", "4711"),
    *("--build-account", "builder", "--deploy-account", "deployer"),
)
POOL = f"iam.googleapis.com/projects/{NUMBER}/locations/global/workloadIdentityPools/github"
USER = "roles/iam.workloadIdentityUser"


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with empty_cloud(tmp_path) as cloud:
        cloud.project.enabled |= {"iam", "compute"}
        for account in ("builder", "deployer"):
            cloud.project.things["iam service-accounts", account] = {}
        yield cloud


def set_up(cloud: Cloud, *more: str) -> subprocess.CompletedProcess[str]:
    return cloud.run(*SETUP, *more)


def account(name: str) -> str:
    return f"serviceAccount:{name}@{NAME}.iam.gserviceaccount.com"


def test_a_dry_run_changes_nothing_and_a_second_run_neither(cloud: Cloud) -> None:
    dry = set_up(cloud, "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert cloud.project.changes() == []
    told = re.findall(r"^would (.*):$", dry.stdout, re.MULTILINE)
    done = set_up(cloud).stdout
    assert done.partition("Setup is complete")[0].splitlines() == told
    cloud.project.calls.clear()
    assert set_up(cloud).returncode == 0
    assert cloud.project.changes() == []


def test_a_pool_that_was_deleted_lately_is_not_taken_for_one_that_works(cloud: Cloud) -> None:
    assert set_up(cloud).returncode == 0
    cloud.project.answers = {"iam workload-identity-pools describe": "DELETED"}
    stopped = set_up(cloud)
    assert stopped.returncode == 1
    assert "gcloud iam workload-identity-pools undelete github" in stopped.stderr


def test_only_this_repository_by_its_number_on_main_a_hot_fix_or_a_release_tag_gets_a_token(
    cloud: Cloud,
) -> None:
    assert set_up(cloud).returncode == 0
    (provider,) = cloud.project.of_kind("iam workload-identity-pools providers").values()
    assert provider["issuer-uri"] == "https://token.actions.githubusercontent.com"
    assert provider["attribute-condition"] == (
        "assertion.repository_id == '4711' && "
        "(assertion.ref == 'refs/heads/main' || assertion.ref.startsWith('refs/heads/hotfix/')"
        " || assertion.ref.startsWith('refs/tags/v'))"
    )


def test_only_jobs_in_an_environment_may_deploy_whatever_form_their_subject_has(cloud: Cloud) -> None:
    assert set_up(cloud).returncode == 0
    (provider,) = cloud.project.of_kind("iam workload-identity-pools providers").values()
    mapping = dict(pair.split("=", 1) for pair in provider["attribute-mapping"].split(","))
    assert mapping["attribute.repository_id"] == "assertion.repository_id"
    assert mapping["attribute.deployer"] == (
        "has(assertion.environment) ? assertion.repository_id + '/' + assertion.environment : ''"
    )
    assert cloud.project.bindings == {
        Binding(USER, "iam service-accounts builder", f"principalSet://{POOL}/attribute.repository_id/4711"),
        Binding(
            USER, "iam service-accounts deployer", f"principalSet://{POOL}/attribute.deployer/4711/staging"
        ),
        Binding(
            USER, "iam service-accounts deployer", f"principalSet://{POOL}/attribute.deployer/4711/production"
        ),
    }


def test_a_provider_of_another_repository_is_not_taken_over(cloud: Cloud) -> None:
    assert set_up(cloud).returncode == 0
    again = set_up(cloud, "--repository-id", "4712")
    assert again.returncode == 1
    assert "provider maskserve already exists" in again.stderr


def test_for_cloud_run_the_accounts_are_made_with_what_building_and_deploying_take(cloud: Cloud) -> None:
    arguments = (*SETUP[:6], "--deploy-to", "cloud-run")
    cloud.project.things.clear()
    told = cloud.run(*arguments, "--dry-run")
    assert told.returncode == 0, told.stderr
    assert cloud.project.changes() == []
    done = cloud.run(*arguments)
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^would (.*):$", told.stdout, re.MULTILINE) == (
        done.stdout.partition("Setup is complete")[0].splitlines()
    )
    assert "DEPLOY_TO=cloud-run" in done.stdout
    project, registry, key = (
        f"projects {NAME}",
        "artifacts repositories maskserve",
        "secrets maskserve-api-key",
    )
    assert {(role, on) for role, on, who in cloud.project.bindings if who == account("maskserve-deploy")} == {
        ("roles/run.admin", project),
        ("roles/logging.viewer", project),
        ("roles/iam.serviceAccountUser", "iam service-accounts maskserve-run"),
        ("roles/artifactregistry.reader", registry),
        (f"projects/{NAME}/roles/maskserveTagger", registry),
        ("roles/storage.objectUser", f"storage buckets gs://{NAME}-maskserve-releases"),
        ("roles/secretmanager.secretAccessor", key),
        ("roles/secretmanager.viewer", key),
    }
    assert {(role, on) for role, on, who in cloud.project.bindings if who == account("maskserve-build")} == {
        ("roles/ondemandscanning.admin", project),
        ("roles/artifactregistry.writer", registry),
    }
    assert {(role, on) for role, on, who in cloud.project.bindings if who == account("maskserve-run")} == {
        ("roles/secretmanager.secretAccessor", key)
    }
    cloud.project.calls.clear()
    assert cloud.run(*arguments).returncode == 0
    assert cloud.project.changes() == []


def test_an_account_that_is_missing_is_named(cloud: Cloud) -> None:
    del cloud.project.things["iam service-accounts", "deployer"]
    stopped = set_up(cloud)
    assert stopped.returncode == 1
    assert f"account deployer@{NAME}.iam.gserviceaccount.com does not exist" in stopped.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "PROJECT, --repository and --repository-id are required"),
        ([NAME, "--repository", "maskserve", "--repository-id", "1"], "must be OWNER/NAME, not 'maskserve'"),
        ([NAME, "--repository", "us/maskserve", "--repository-id", "me"], "must be a number, not 'me'"),
        ([NAME, "--repository"], "--repository needs a value"),
        ([*SETUP[1:6], "--deploy-to", "vertex"], "--deploy-to must be gke or cloud-run, not 'vertex'"),
        ([*SETUP[1:], "--deploy-to", "cloud-run"], "creates the accounts itself"),
        ([NAME, "--token", "x"], "unknown option --token"),
    ],
)
def test_what_is_missing_or_wrong_is_said_before_anything_happens(
    cloud: Cloud, arguments: list[str], said: str
) -> None:
    stopped = cloud.run("deploy/github/setup.sh", *arguments)
    assert stopped.returncode == 1
    assert said in stopped.stderr
    assert cloud.project.calls == []


def test_it_prints_the_variables_that_the_workflows_read(cloud: Cloud) -> None:
    printed = set(re.findall(r"^(\w+)=", set_up(cloud).stdout, re.MULTILINE))
    text = (ROOT / ".github/workflows/deploy.yml").read_text()
    assert printed == set(re.findall(r"vars\.(\w+)", text))


def test_gcloud_has_every_command_and_option(cloud: Cloud, tmp_path: Path) -> None:
    assert set_up(cloud).returncode == 0
    assert cloud.run(*SETUP[:6], "--deploy-to", "cloud-run").returncode == 0
    assert complaints({shlex.join(call) for call in cloud.project.calls}, tmp_path) == []
