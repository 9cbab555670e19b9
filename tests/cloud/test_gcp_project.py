"""scripts/gcp-setup.sh gives a project all that docs, builds, manifests and function need, and no more."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google_project import Project
from project_needs import lacking
from setup_mutants import Mutant, mutants
from setup_run import GITHUB, SOURCE_REPOSITORIES, Cloud, empty_cloud
from workspace import ROOT


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One for all tests, each of which empties the project first."""
    with empty_cloud(tmp_path_factory.mktemp("cloud")) as cloud:
        yield cloud


@pytest.mark.parametrize("repository", [GITHUB, SOURCE_REPOSITORIES], ids=["GitHub", "Source Repositories"])
def test_the_project_has_what_is_needed_and_no_more(cloud: Cloud, repository: tuple[str, str]) -> None:
    cloud.project.become(Project())
    done = cloud.set_up(*repository)
    assert done.returncode == 0, done.stderr
    assert lacking(cloud.project) == []


@pytest.mark.parametrize("mutant", list(mutants()), ids=str)
def test_nothing_can_be_left_out_or_changed_unseen(cloud: Cloud, mutant: Mutant) -> None:
    cloud.project.become(Project())
    script = cloud.workspace.path / mutant.file
    script.write_text(mutant.text())
    try:
        cloud.set_up(*mutant.arguments)
    finally:
        script.write_text((ROOT / mutant.file).read_text())
    assert lacking(cloud.project)
