"""Provenance: the code and the command that made a training run, so that its model can be traced to them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
"""The project's checkout, unless the project is installed as a package."""
COMMIT = "GIT_COMMIT"
"""The variable that names the commit where there is no checkout, as in a container image."""
_SECONDS = 10


def git_commit() -> str:
    """The commit of the project's code, with "-dirty" if files differ from it; empty if it is unknown.

    GIT_COMMIT, if set, takes precedence.
    """
    if told := os.environ.get(COMMIT):
        return told
    if not (REPOSITORY / ".git").exists():  # git would look in the folders above
        return ""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return described.stdout.strip() if described.returncode == 0 else ""
