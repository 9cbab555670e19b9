"""renovate.json finds what is pinned outside of the files that Renovate reads by itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFIG = json.loads((ROOT / "renovate.json").read_text())
FILES = [
    file.relative_to(ROOT)
    for pattern in (
        "cloudbuild*.yaml",
        "Makefile",
        "scripts/*.sh",
        "scripts/gcp/**/*.yaml",
        "k8s/overlays/**/*.yaml",
    )
    for file in sorted(ROOT.glob(pattern))
]


def python_pattern(pattern: str) -> str:
    """A pattern of Renovate, in which groups are named otherwise."""
    return pattern.replace("(?<", "(?P<")


def found() -> dict[str, list[dict[str, str]]]:
    """What the custom managers find, by file."""
    everything: dict[str, list[dict[str, str]]] = {}
    for manager in CONFIG["customManagers"]:
        for file in FILES:
            if any(re.search(pattern.strip("/"), str(file)) for pattern in manager["managerFilePatterns"]):
                for pattern in manager["matchStrings"]:
                    for match in re.finditer(python_pattern(pattern), (ROOT / file).read_text()):
                        everything.setdefault(str(file), []).append(match.groupdict())
    return everything


@pytest.mark.parametrize(
    ("file", "images"),
    [
        ("cloudbuild.yaml", ["library/docker", "anchore/syft"]),
        ("scripts/gcp/builder/cloudbuild.yaml", ["library/docker"]),
        ("scripts/build-image.sh", ["moby/buildkit"]),
        ("k8s/overlays/production/kustomization.yaml", ["library/redis"]),
    ],
)
def test_it_moves_every_image_from_docker_hub_by_digest(file: str, images: list[str]) -> None:
    assert [pin["depName"] for pin in found()[file]] == images
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", pin["currentDigest"]) for pin in found()[file])


def test_no_image_of_a_build_goes_by_a_tag_alone() -> None:
    for file in FILES:
        for named in re.findall(
            r"(?:\$\{_DOCKER_HUB\}|\$hub)/[a-z/]+[:@][^\s\"]*", (ROOT / file).read_text()
        ):
            assert "@sha256:" in named, (file, named)


def test_it_moves_the_program_that_writes_the_locks_and_the_locks_themselves() -> None:
    assert [pin["depName"] for pin in found()["Makefile"]] == ["uv"]
    patterns = [pattern.strip("/") for pattern in CONFIG["pip-compile"]["managerFilePatterns"]]
    locks = [*(ROOT / "locks").glob("*.txt"), ROOT / "functions" / "requirements.txt"]
    for lock in locks:
        assert any(re.search(pattern, str(lock.relative_to(ROOT))) for pattern in patterns), lock
    assert CONFIG["lockFileMaintenance"]["enabled"]


def test_it_moves_the_base_image_and_the_actions_of_workflows_and_what_is_vulnerable_at_once() -> None:
    assert {"custom.regex", "dockerfile", "github-actions", "pip-compile"} == set(CONFIG["enabledManagers"])
    assert CONFIG["vulnerabilityAlerts"]["schedule"] == ["at any time"]
