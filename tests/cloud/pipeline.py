"""cloudbuild.yaml, run step by step as Cloud Build does."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml
from workspace import ROOT, Workspace

FILE = ROOT / "cloudbuild.yaml"
BUILD: dict[str, Any] = yaml.safe_load(FILE.read_text())
BUILT_IN = {"PROJECT_ID": "my-project", "BUILD_ID": "b-1", "COMMIT_SHA": "c0ffee", "LOCATION": "europe-west1"}
IMAGE = "europe-west1-docker.pkg.dev/my-project/maskserve/maskserve"
DIGEST = "sha256:" + "ab" * 32


def substituted(text: str, **changed: str) -> str:
    """`text` as Cloud Build hands it on."""
    values = BUILT_IN | BUILD["substitutions"] | changed
    for _ in range(2):  # _IMAGE is made of others
        text = re.sub(r"\$\{(\w+)\}", lambda name: values[name[1]], text)
    return text


def build(workspace: Workspace, last: str = "deploy", **changed: str) -> tuple[str | None, str]:
    """Run the steps up to `last`; the one that failed, if any, and all that was said."""
    said = ""
    for step in BUILD["steps"]:
        given = dict(substituted(line, **changed).split("=", 1) for line in step.get("env", ()))
        arguments = [substituted(argument, **changed) for argument in step["args"]]
        step_run = workspace.run(step["entrypoint"], *arguments, **given)
        said += step_run.stdout + step_run.stderr
        if step_run.returncode:
            return step["id"], said
        if step["id"] == last:
            break
    return None, said


def serve(workspace: Workspace, *answers: dict[str, Any]) -> None:
    """What the deployed service answers, whoever it is: to the first who asks, the second… and all after."""
    usual = {"status": 200, "model": "nuclei", "segments": 93, "body": ""}
    (workspace.folder / "service.json").write_text(json.dumps([usual | answer for answer in answers]))


def deploy(workspace: Workspace, overlay: str = "staging", digest: str = DIGEST) -> tuple[bool, str]:
    """Run the last step's script alone: whether it went well, and all that was said."""
    (step,) = (step for step in BUILD["steps"] if step["id"] == "deploy")
    given = dict(substituted(line).split("=", 1) for line in step["env"])
    run = workspace.run("scripts/deploy.sh", overlay, f"{IMAGE}@{digest}", **given)
    return run.returncode == 0, run.stdout + run.stderr
