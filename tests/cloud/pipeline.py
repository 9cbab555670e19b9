"""cloudbuild.yaml and cloudbuild-deploy.yaml, run step by step as Cloud Build does."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml
from workspace import ROOT, Workspace

FILE = ROOT / "cloudbuild.yaml"
DEPLOY_FILE = ROOT / "cloudbuild-deploy.yaml"
BUILD: dict[str, Any] = yaml.safe_load(FILE.read_text())
DEPLOY: dict[str, Any] = yaml.safe_load(DEPLOY_FILE.read_text())
BUILT_IN = {
    "PROJECT_ID": "my-project",
    "BUILD_ID": "b-1",
    "COMMIT_SHA": "c0ffee",
    "LOCATION": "europe-west1",
    "TAG_NAME": "",
}
IMAGE = "europe-west1-docker.pkg.dev/my-project/maskserve/maskserve"
DIGEST = "sha256:" + "ab" * 32


def substituted(text: str, config: dict[str, Any] = BUILD, **changed: str) -> str:
    """`text` as Cloud Build hands it on."""
    values = BUILT_IN | config["substitutions"] | changed
    for _ in range(2):  # _IMAGE is made of others
        text = re.sub(r"\$\{(\w+)\}", lambda name: values[name[1]], text)
    return text


def run(
    config: dict[str, Any], workspace: Workspace, last: str = "", **changed: str
) -> tuple[str | None, str]:
    """Run the steps up to `last`; the one that failed, if any, and all that was said."""
    said = ""
    for step in config["steps"]:
        given = dict(substituted(line, config, **changed).split("=", 1) for line in step.get("env", ()))
        arguments = [substituted(argument, config, **changed) for argument in step["args"]]
        step_run = workspace.run(Path(step["entrypoint"]).name, *arguments, **given)
        said += step_run.stdout + step_run.stderr
        if step_run.returncode:
            return step["id"], said
        if step["id"] == last:
            break
    return None, said


def build(workspace: Workspace, last: str = "", **changed: str) -> tuple[str | None, str]:
    """Run cloudbuild.yaml."""
    return run(BUILD, workspace, last, **changed)


def release(workspace: Workspace, last: str = "", **changed: str) -> tuple[str | None, str]:
    """Run cloudbuild-deploy.yaml."""
    return run(DEPLOY, workspace, last, **changed)


def serve(workspace: Workspace, *answers: dict[str, Any]) -> None:
    """What the deployed service answers, whoever it is: to the first who asks, the second… and all after."""
    usual = {"status": 200, "model": "nuclei", "segments": 93, "body": ""}
    (workspace.folder / "service.json").write_text(json.dumps([usual | answer for answer in answers]))


def deploy(workspace: Workspace, overlay: str = "staging", digest: str = DIGEST) -> tuple[bool, str]:
    """Run the script of the step that deploys alone: whether it went well, and all that was said."""
    (step,) = (step for step in DEPLOY["steps"] if step["id"] == "deploy")
    given = dict(substituted(line, DEPLOY).split("=", 1) for line in step["env"])
    done = workspace.run("scripts/deploy.sh", overlay, f"{IMAGE}@{digest}", **given)
    return done.returncode == 0, done.stdout + done.stderr
