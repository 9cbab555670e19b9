"""deploy/github/find-image.sh: which image GitHub's workflow deploys."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from gcloud_lint import complaints, gcloud_commands
from pipeline import DIGEST, IMAGE
from workspace import Workspace

COMMIT = "c0ffee"
RECORD = f"gs://my-project-maskserve-releases/{COMMIT}"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = Workspace.below(tmp_path)
    workspace.stand_in("gcloud", "gh")
    workspace.answer("images describe .*:c0ffee-nuclei ", out=f"{DIGEST}\n")
    workspace.answer(f"storage cat {RECORD}", out=f"{IMAGE}@{DIGEST}\n")
    return workspace


def find(workspace: Workspace, overlay: str) -> subprocess.CompletedProcess[str]:
    return workspace.run(
        *("deploy/github/find-image.sh", overlay, IMAGE),
        MODEL="nuclei",
        RELEASES=RECORD.rpartition("/")[0],
        GITHUB_REPOSITORY="us/maskserve",
        GITHUB_SHA=COMMIT,
    )


@pytest.mark.parametrize(
    ("overlay", "asked"),
    [("staging", "gcloud artifacts docker images describe"), ("production", "gcloud storage cat")],
)
def test_staging_runs_what_was_built_and_production_what_staging_has_recorded(
    workspace: Workspace, overlay: str, asked: str
) -> None:
    found = find(workspace, overlay)
    assert found.returncode == 0, found.stderr
    assert found.stdout == f"{IMAGE}@{DIGEST}\n"
    assert len(workspace.calls("gcloud")) == len(workspace.calls(asked)) == 1


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_the_workflow_must_have_built_the_image_from_this_commit_on_a_branch_that_is_released(
    workspace: Workspace, overlay: str
) -> None:
    find(workspace, overlay)
    (verify,) = workspace.commands()[1:]
    assert verify[:4] == ["gh", "attestation", "verify", f"oci://{IMAGE}@{DIGEST}"]
    assert {"--repo=us/maskserve", f"--source-digest={COMMIT}", "--deny-self-hosted-runners"} < set(verify)
    (identity,) = (word.partition("=")[2] for word in verify if word.startswith("--cert-identity-regex="))
    workflow = "https://github.com/us/maskserve/.github/workflows/deploy.yml@refs/"
    for ref in ("heads/main", "heads/hotfix/decoder"):
        assert re.search(identity, workflow + ref)
    for ref in ("heads/main-2", "heads/feature", "tags/v1", "pull/1/merge"):
        assert not re.search(identity, workflow + ref)
    assert not re.search(identity, workflow.replace("us/", "them/") + "heads/main")


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_an_image_without_attestation_is_not_deployed(workspace: Workspace, overlay: str) -> None:
    workspace.answer("attestation verify", status=1, err="no attestations found\n")
    found = find(workspace, overlay)
    assert (found.returncode, found.stdout) == (1, "")
    assert "no attestations found" in found.stderr
    assert "has no attestation that deploy.yml has built it from c0ffee" in found.stderr


@pytest.mark.parametrize(
    ("overlay", "said"), [("staging", "has no image"), ("production", "staging has not run")]
)
def test_a_commit_whose_run_was_cancelled_is_told_to_be_run_again(
    workspace: Workspace, overlay: str, said: str
) -> None:
    workspace.answer("^gcloud", status=1, err="NOT_FOUND\n")
    found = find(workspace, overlay)
    assert (found.returncode, found.stdout) == (1, "")
    assert said in found.stderr
    assert "gh run list --workflow=deploy.yml --commit=c0ffee, then gh run rerun ID" in found.stderr
    assert not workspace.calls("gh")


def test_a_record_of_something_else_is_refused(workspace: Workspace) -> None:
    workspace.answer("storage cat", out=f"europe-west1-docker.pkg.dev/theirs/maskserve/maskserve@{DIGEST}\n")
    found = find(workspace, "production")
    assert (found.returncode, found.stdout) == (1, "")
    assert f"expected {IMAGE} with a digest" in found.stderr


def test_gcloud_has_each_command_and_option(workspace: Workspace, tmp_path: Path) -> None:
    for overlay in ("staging", "production"):
        find(workspace, overlay)
    assert complaints(gcloud_commands(workspace), tmp_path) == []
