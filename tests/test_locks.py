"""The locks: they have what the requirements pin, all that this needs in turn, and a hash of each file."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = {
    **{f"locks/{lock.name}": f"requirements-{lock.name}" for lock in sorted((ROOT / "locks").iterdir())},
    "functions/requirements.txt": "functions/requirements.in",
}
SHARED = [f"locks/{name}.txt" for name in ("serve", "train", "experiments", "events")]  # with locks/dev.txt
LINUX = [
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": machine}
    for machine in ("x86_64", "aarch64")
]


def pinned(file: str) -> dict[str, str]:
    """The pins of a requirements file, and of those that it includes."""
    pins: dict[str, str] = {}
    for line in (ROOT / file).read_text().splitlines():
        if included := re.match(r"-r (\S+)", line):
            pins |= pinned(included[1])
        elif line and not line.startswith("#"):
            requirement = Requirement(line.partition("#")[0])
            ((name, version),) = [(requirement.name, spec.version) for spec in requirement.specifier]
            pins[canonicalize_name(name)] = version
    return pins


def locked(file: str) -> list[tuple[Requirement, int]]:
    """What a lock installs, and how many hashes it has for each."""
    blocks = re.findall(r"^([a-z0-9].*?)(?=^\S|\Z)", (ROOT / file).read_text(), re.MULTILINE | re.DOTALL)
    return [
        (Requirement(block.partition(" \\\n")[0]), len(re.findall("--hash=sha256:[0-9a-f]{64}", block)))
        for block in blocks
    ]


def versions(file: str, machine: dict[str, str]) -> dict[str, str]:
    """What is installed on a machine, by name."""
    environment = {**default_environment(), **machine}
    return {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one, _ in locked(file)
        if not one.marker or one.marker.evaluate(environment)
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_one_version_of_everything_with_hashes(lock: str) -> None:
    entries = locked(lock)
    assert entries
    for requirement, hashes in entries:
        assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
        assert hashes, requirement


@pytest.mark.parametrize("machine", LINUX, ids=lambda machine: machine["platform_machine"])
@pytest.mark.parametrize(("lock", "requirements"), LOCKS.items(), ids=LOCKS)
def test_a_lock_has_what_is_pinned(lock: str, requirements: str, machine: dict[str, str]) -> None:
    installed, pins = versions(lock, machine), pinned(requirements)
    assert {name: installed.get(name) for name in pins} == pins, "run: make locks"


@pytest.mark.parametrize("lock", ["locks/dev.txt", *SHARED])
def test_a_lock_has_all_that_its_packages_need(lock: str) -> None:
    """As far as these packages are installed here in the versions that are locked."""
    installed = versions(lock, {})
    looked_at = 0
    for name, version in installed.items():
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if distribution.version != version:
            continue
        looked_at += 1
        for text in distribution.requires or ():
            needed = Requirement(text)
            if needed.marker and not needed.marker.evaluate({"extra": ""}):
                continue
            found = installed.get(canonicalize_name(needed.name))
            assert found, f"{lock} lacks {needed}, which {name} needs"
            assert needed.specifier.contains(found, prereleases=True), f"{name} needs {needed}, not {found}"
    assert looked_at > len(installed) / 2


@pytest.mark.parametrize("lock", SHARED)
def test_what_is_tested_is_what_is_served(lock: str) -> None:
    tested = versions("locks/dev.txt", {})
    assert versions(lock, {}).items() <= tested.items()


def test_bulk_runs_use_the_versions_that_serve_except_for_pillow() -> None:
    bulk, served = pinned("requirements-bulk.txt"), pinned("requirements-serve.txt")
    assert {name for name in bulk.keys() & served.keys() if bulk[name] != served[name]} == {"pillow"}
    assert served.keys() - bulk.keys() >= {"flask", "uwsgi"}


def test_make_installs_by_the_locks_alone() -> None:
    text = (ROOT / "Makefile").read_text()
    installs = [line for line in text.splitlines() if re.search(r"/pip (install|\$\(PIP\))", line)]
    by_lock = [
        line for line in installs if re.search(r"\$\(PIP\) -r (locks/|functions/requirements\.txt)", line)
    ]
    assert [line for line in installs if line not in by_lock and "uv==" not in line] == []
    assert len(by_lock) == len(LOCKS)
    assert "PIP := install --quiet --require-hashes\n" in text
