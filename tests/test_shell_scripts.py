"""Shellcheck on every shell script of the repository, and on those inside its YAML files."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
SHEBANG = re.compile(rb"#! ?(/usr)?/bin/(env )?(ba|da)?sh\b")

pytestmark = pytest.mark.skipif(
    not shutil.which("shellcheck"), reason="shellcheck is missing: Debian's shellcheck"
)


def files(folder: Path) -> Iterator[Path]:
    """Those of the project: not Git's own, not caches, not virtual environments."""
    for path, folders, names in os.walk(folder):
        folders[:] = [
            name
            for name in folders
            if name not in (".git", "node_modules")
            and not {"CACHEDIR.TAG", "pyvenv.cfg"} & set(os.listdir(Path(path, name)))
        ]
        yield from (Path(path, name) for name in names if not Path(path, name).is_symlink())


def scripts(folder: Path) -> list[str]:
    """Files that start with a shell's name."""
    return [name for path, name in _named(folder, "", ".sh", ".bash") if SHEBANG.match(_start(path))]


def parts(folder: Path) -> list[str]:
    """Files without a first line of that kind, which scripts source."""
    return [name for path, name in _named(folder, ".sh", ".bash") if not SHEBANG.match(_start(path))]


def _named(folder: Path, *endings: str) -> list[tuple[Path, str]]:
    return [(path, str(path.relative_to(folder))) for path in sorted(files(folder)) if path.suffix in endings]


def _start(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(40)


def bodies(node: Any) -> Iterator[str]:
    """Scripts inside a YAML document: what `run` is, and what follows `-c` in a list of arguments."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "run" and isinstance(value, str):
                yield value
            yield from bodies(value)
    elif isinstance(node, list):
        yield from (str(body) for flag, body in itertools.pairwise(node) if flag == "-c")
        for value in node:
            yield from bodies(value)


def complaints(folder: Path) -> str:
    """What shellcheck says of all that is in `folder`."""

    def check(*arguments: str, text: str = "") -> str:
        command = ["shellcheck", *arguments]
        said = subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True)
        return said.stdout + said.stderr

    # A part by itself seems to miss variables, which the script that sources it has; there they are checked.
    of_others = "--exclude=SC2034,SC2154"
    said = check("-x", "--check-sourced", *scripts(folder))
    said += check("-x", of_others, *parts(folder)) if parts(folder) else ""
    for path, name in _named(folder, ".yaml", ".yml"):
        if "/helm/" in name and "/templates/" in name:
            continue  # YAML once Helm has rendered it
        for document in yaml.safe_load_all(path.read_text()):
            said += "".join(check("--shell=bash", "-", text=body) for body in bodies(document))
    return said


def test_every_script_is_clean() -> None:
    assert {".ci/run", "scripts/gcp-setup.sh", "tests/clients/curl.sh"} <= set(scripts(ROOT))
    assert {"scripts/gcp/events.sh", "tests/cloud/gcloud_client.sh"} <= set(parts(ROOT))
    assert complaints(ROOT) == ""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("deploy.sh", "#!/bin/sh\nrm $1\n"),
        (".ci/check", "#!/usr/bin/env bash\nrm $1\n"),
        ("scripts/part.sh", "# shellcheck shell=bash\nrm $1\n"),
        ("scripts/whole.sh", "#!/bin/bash\nsource missing.sh\n"),
        ("steps.yaml", "steps: [{entrypoint: bash, args: [-c, 'rm $1']}]\n"),
        (".github/workflows/test.yml", "jobs: {test: {steps: [{run: 'rm $1'}]}}\n"),
    ],
)
def test_an_error_is_found_wherever_it_is(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "good.sh").write_text('#!/bin/sh\nrm "$1"\n')
    (tmp_path / name).write_text(text)
    assert "SC" in complaints(tmp_path)
