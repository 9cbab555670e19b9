"""scripts/require-attestations.sh: once a build is attested, GKE refuses what Cloud Build has not built."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from gcloud_lint import complaints, gcloud_commands
from workspace import ROOT, Workspace

SCRIPT = "scripts/require-attestations.sh"
IMPORT = "gcloud container binauthz policy import"
ENFORCE = (
    "gcloud container clusters update maskserve --region=europe-west1"
    " --binauthz-evaluation-mode=PROJECT_SINGLETON_POLICY_ENFORCE"
)


@pytest.fixture
def attested(workspace: Workspace) -> Workspace:
    """A project in which a build has been attested."""
    workspace.stand_in("gcloud", "sleep")
    workspace.answer("services list", out="binaryauthorization.googleapis.com\n")
    workspace.answer("images describe", out=f"sha256:{'ab' * 32}\n")
    workspace.answer("attestations list", out="projects/my-project/occurrences/1\n")
    return workspace


@pytest.mark.parametrize("overlay", ["staging", "production"])
def test_what_runs_without_an_attestation_is_not_locked_out(attested: Workspace, overlay: str) -> None:
    attested.answer(f"images describe .*:{overlay}", out=f"sha256:{'cd' * 32}\n")
    attested.answer("attestations list .*@sha256:cd", out="")
    stopped = attested.run(SCRIPT, "my-project")
    assert stopped.returncode == 1
    assert f"{overlay} runs sha256:cdcd" in stopped.stderr
    assert not attested.calls(IMPORT) and ENFORCE not in attested.calls()


def test_an_overlay_that_was_never_deployed_keeps_nobody_from_it(attested: Workspace) -> None:
    attested.answer("images describe .*:production", status=1, err="NOT_FOUND: no such tag")
    assert attested.run(SCRIPT, "my-project").returncode == 0
    assert ENFORCE in attested.calls()


def test_it_requires_what_cloud_build_attests_of_all_but_redis(attested: Workspace) -> None:
    attested.answer(IMPORT, run=["/bin/sh", "-c", 'cp "$4" "$STAND_INS/policy"'])
    done = attested.run(SCRIPT, "my-project")
    assert done.returncode == 0, done.stderr
    assert ENFORCE in attested.calls()
    policy = yaml.safe_load((attested.folder / "policy").read_text())
    assert policy["defaultAdmissionRule"] == {
        "evaluationMode": "REQUIRE_ATTESTATION",
        "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
        "requireAttestationsBy": ["projects/my-project/attestors/built-by-cloud-build"],
    }
    assert policy["globalPolicyEvaluationMode"] == "ENABLE"
    exempt = {one["namePattern"].removesuffix("@*") for one in policy["admissionWhitelistPatterns"]}
    overlay = (ROOT / "k8s/overlays/production/kustomization.yaml").read_text()
    (_, redis) = re.findall(r"newName: (\S+)", overlay)
    assert exempt == {redis}


def test_the_policy_that_it_replaces_is_kept_in_a_file(attested: Workspace) -> None:
    attested.answer("policy export$", out="defaultAdmissionRule: {evaluationMode: ALWAYS_DENY}\n")
    done = attested.run(SCRIPT, "my-project")
    assert done.returncode == 0, done.stderr
    (kept,) = attested.path.glob("binauthz-policy-my-project-*.yaml")
    assert kept.read_text() == "defaultAdmissionRule: {evaluationMode: ALWAYS_DENY}\n"
    assert f"policy import {kept.name}" in done.stdout
    exported, imported = (
        attested.calls("gcloud container binauthz policy " + verb) for verb in ("export", "import")
    )
    assert exported[-1].endswith("export") and len(imported) == 1


def test_a_second_run_changes_nothing(attested: Workspace) -> None:
    attested.answer("policy export", out="projects/my-project/attestors/built-by-cloud-build\n")
    attested.answer("clusters describe", out="PROJECT_SINGLETON_POLICY_ENFORCE\n")
    assert attested.run(SCRIPT, "my-project").stdout == ""
    assert not [call for call in attested.calls() if re.search("import|update|enable$", call)]


def test_before_a_build_was_attested_nothing_is_refused(attested: Workspace) -> None:
    attested.answer("services list", out="run.googleapis.com\n")
    attested.answer("attestors describe", status=1, err="NOT_FOUND: built-by-cloud-build")
    stopped = attested.run(SCRIPT, "my-project")
    assert stopped.returncode == 1
    assert "no build has been attested yet" in stopped.stderr
    assert "gcloud services enable binaryauthorization.googleapis.com" in attested.calls()
    assert not attested.calls(IMPORT) and ENFORCE not in attested.calls()


def test_a_dry_run_changes_nothing_and_a_wrong_call_is_refused(attested: Workspace) -> None:
    told = attested.run(SCRIPT, "my-project", "--dry-run").stdout
    assert "would require attestations" in told and ENFORCE.removeprefix("gcloud ") in told
    assert not attested.calls(IMPORT) and ENFORCE not in attested.calls()
    assert "PROJECT is required" in attested.run(SCRIPT).stderr
    assert "unknown option --colour" in attested.run(SCRIPT, "p", "--colour").stderr


def test_gcloud_has_each_command_and_option(attested: Workspace, tmp_path: Path) -> None:
    attested.answer("services list", out="run.googleapis.com\n")
    attested.run(SCRIPT, "my-project")
    used = gcloud_commands(attested)
    assert len(used) == 11
    assert complaints(used, tmp_path) == []
