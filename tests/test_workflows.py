"""The workflows of GitHub Actions: linted, pinned, and running the same scripts as Cloud Build."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
PATHS = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text())
    return document


def linted(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    found = shutil.which(tool, path=PATHS)
    if not found:
        pytest.skip(f"{tool} is not installed")
    return subprocess.run([found, *arguments, *map(str, FILES)], capture_output=True, text=True, cwd=ROOT)


def runs(job: dict[str, Any]) -> str:
    return "\n".join(step.get("run", "") for step in job["steps"])


def test_actionlint_finds_nothing() -> None:
    checked = linted("actionlint", "-no-color")
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_zizmor_finds_nothing() -> None:
    checked = linted("zizmor", "--offline", "--no-progress", "--no-config")
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_actions_are_pinned_by_digest_with_their_version_beside_it(file: Path) -> None:
    for used in re.findall(r"uses: (.*)", file.read_text()):
        assert re.fullmatch(r"\./\S+( .*)?|[\w./-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", used), used


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_job_says_what_it_may_do_and_how_long(file: Path) -> None:
    workflow = read(file.name)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert set(job["permissions"].values()) - {"read"} <= {"write"}
        assert "uses" in job or job["timeout-minutes"] <= 60


def test_pull_requests_run_the_script_that_cloud_build_runs_and_get_no_secret_and_no_token() -> None:
    workflow = read("test.yml")
    assert "pull_request" in workflow[True]  # YAML reads `on` as true
    assert "pull_request_target" not in workflow[True]
    (job,) = workflow["jobs"].values()
    assert job["permissions"] == {"contents": "read"}
    assert runs(job).rstrip().endswith("builder bash .ci/run gcloud kubectl")
    assert "secrets." not in (FOLDER / "test.yml").read_text()


def test_what_is_deployed_was_tested_scanned_and_signed_and_that_is_verified() -> None:
    jobs = read("deploy.yml")["jobs"]
    assert jobs["image"]["needs"] == "test"
    assert jobs["test"]["uses"] == "./.github/workflows/test.yml"
    built = runs(jobs["image"])
    assert built.index("build-image.sh") < built.index("scan-image.sh") < built.index("docker push")
    (attest,) = (
        step for step in jobs["image"]["steps"] if step.get("uses", "").startswith("actions/attest@")
    )
    assert attest["with"]["subject-digest"] == "${{ steps.image.outputs.digest }}"
    assert "push-to-registry" not in attest["with"]  # it fails with credentials that a helper gives out
    deployed = runs(jobs["deploy"])
    assert deployed.index("find-image.sh") < deployed.index("scripts/deploy.sh")
    assert deployed.rstrip().endswith('bash scripts/record-release.sh "$OVERLAY" "$DEPLOYED"')


def test_a_commit_whose_image_an_earlier_run_has_built_is_not_built_again() -> None:
    steps = read("deploy.yml")["jobs"]["image"]["steps"]
    found = next(at for at, step in enumerate(steps) if "find-image.sh" in step.get("run", ""))
    assert len(steps[found + 1 :]) == 2
    for step in steps[found + 1 :]:  # builds and signs
        assert step["if"] == f"steps.{steps[found]['id']}.outputs.image == ''"


def test_hot_fixes_go_to_staging_as_main_does_and_tags_to_production() -> None:
    workflow = read("deploy.yml")
    assert workflow[True]["push"] == {"branches": ["main", "hotfix/*"], "tags": ["v*"]}
    assert workflow["jobs"]["test"]["if"].startswith("github.ref_type == 'branch' && ")
    assert workflow["jobs"]["deploy"]["environment"].strip("${} ") == (
        "startsWith(github.ref, 'refs/tags/v') && 'production' || 'staging'"
    )


def test_only_the_job_that_deploys_is_in_an_environment_and_one_runs_at_a_time() -> None:
    jobs = read("deploy.yml")["jobs"]
    assert [name for name, job in jobs.items() if "environment" in job] == ["deploy"]
    assert jobs["deploy"]["concurrency"]["cancel-in-progress"] is False


def test_scripts_that_are_called_exist() -> None:
    text = "".join(file.read_text() for file in FILES)
    called = set(re.findall(r"(?:bash|sh) ((?:scripts|deploy|\.ci)/?[\w./-]+)", text))
    assert {".ci/run", "scripts/deploy.sh", "deploy/cloud-run/deploy.sh"} <= called
    for script in called:
        assert (ROOT / script).exists(), script
