"""What gcloud's own parser says of commands, without running them."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from workspace import Workspace


def gcloud_commands(workspace: Workspace) -> set[str]:
    """Those that were called in `workspace`, each in a line."""
    called = (shlex.join(command) for command in workspace.commands() if command[0] == "gcloud")
    return {re.sub(r"\s+", " ", command) for command in called}


def complaints(commands: set[str], folder: Path) -> list[tuple[str, str]]:
    """Each command that gcloud does not have so, and why; `folder` is for a file in between."""
    gcloud = shutil.which("gcloud")
    if not gcloud:
        pytest.skip(
            "gcloud is missing, which knows its own commands: https://cloud.google.com/sdk/docs/install"
        )
    # It takes '--option=value' after an option without a value for the value.
    text = re.sub(r" '(--[\w-]+=)", r" \1'", "\n".join(sorted(commands)))
    file = folder / "commands.txt"
    file.write_text(f"```\n{text}\n```\n")
    linted = subprocess.run(
        [gcloud, "meta", "lint-gcloud-commands", f"--commands-text-file={file}"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
    )
    assert linted.stdout, linted.stderr
    verdicts = json.loads(linted.stdout)
    assert len(verdicts) == len(commands)
    return [
        (verdict["command_string"], verdict["error_message"])
        for verdict in verdicts
        if not verdict["success"]
    ]
