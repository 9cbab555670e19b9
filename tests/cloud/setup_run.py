"""scripts/gcp-setup.sh, run in a workspace against a stand-in for a project."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from google_project import NAME, Project
from monitoring_needs import BUDGET, EMAIL
from project_needs import DOMAIN
from workspace import Workspace

ALERTS = ("--alert-email", EMAIL, "--budget", BUDGET)
SETUP = ("scripts/gcp-setup.sh", NAME, "--domain", DOMAIN, *ALERTS)
GITHUB = ("--github", "us/maskserve")
SOURCE_REPOSITORIES = ("--source-repositories", "maskserve")


@dataclass(frozen=True)
class Cloud:
    """A project, and a workspace whose `gcloud` reaches it."""

    project: Project
    workspace: Workspace
    environment: dict[str, str]

    def set_up(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run(*SETUP, *arguments)

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return self.workspace.run(*command, **self.environment)


@contextmanager
def empty_cloud(folder: Path) -> Iterator[Cloud]:
    """An empty project, whose connection to GitHub is allowed as soon as it is made."""
    workspace, project = Workspace.below(folder), Project()
    workspace.stand_in("sleep")
    with project.listening() as environment:
        yield Cloud(project, workspace, environment)
