"""scripts/gcp-setup.sh gives a project all that docs, builds, manifests and function need, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import NamedTuple

import pytest
from google_project import Project
from project_needs import lacking
from setup_mutants import Mutant, mutants
from setup_run import GITHUB, SETUP, SOURCE_REPOSITORIES, Cloud, empty_cloud
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


# The first steps that run anything of these files: what precedes them is the same for all of their mutants.
FIRST_STEPS = {
    "scripts/gcp/cluster.sh": "create_node_account",
    "scripts/gcp/entrances.sh": "create_entrances",
    "scripts/gcp/events.sh": "create_buckets_and_topics",
    "scripts/gcp/triggers.sh": "create_triggers",
    "scripts/gcp/monitoring.sh": "create_monitoring",
}


class Halfway(NamedTuple):
    """What a project holds before a step, and the script from that step on."""

    project: Project
    script: str


@pytest.fixture(scope="module")
def halfway(cloud: Cloud) -> Callable[[str, tuple[str, ...]], Halfway]:
    script = cloud.workspace.path / SETUP[0]
    whole = script.read_text()
    start, end = whole.index("\nenable_apis\n"), whole.index("\n[[ ! $dry_run ]]")

    @cache
    def before(step: str, arguments: tuple[str, ...]) -> Halfway:
        at = whole.index(f"\n{step}\n")
        earlier, later = whole[:at] + whole[end:], whole[:start] + whole[at:]
        project = Project()
        cloud.project.become(project)
        script.write_text(earlier)
        assert cloud.set_up(*arguments).returncode == 0
        project.become(cloud.project)
        script.write_text(later)
        assert cloud.set_up(*arguments).returncode == 0
        assert lacking(cloud.project) == []
        script.write_text(whole)
        return Halfway(project, later)

    return before


@pytest.mark.parametrize("mutant", list(mutants()), ids=str)
def test_nothing_can_be_left_out_or_changed_unseen(
    cloud: Cloud, halfway: Callable[[str, tuple[str, ...]], Halfway], mutant: Mutant
) -> None:
    cloud.project.become(Project())
    changed = {mutant.file: mutant.text()}
    if step := FIRST_STEPS.get(mutant.file):
        project, changed[SETUP[0]] = halfway(step, mutant.arguments)
        cloud.project.become(project)
    for file, text in changed.items():
        (cloud.workspace.path / file).write_text(text)
    try:
        cloud.set_up(*mutant.arguments)
    finally:
        for file in changed:
            (cloud.workspace.path / file).write_text((ROOT / file).read_text())
    assert lacking(cloud.project)
