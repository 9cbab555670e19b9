"""Locating: finds the pictures that a file of annotations names, often by paths of another machine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from model.data.files import shown
from model.data.gathering import Problems
from model.data.sample import DataError

_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")
"""Label Studio's names of uploaded files: eight characters that are unique, then the name."""


def located(
    names: Sequence[str], folders: Sequence[Path], described_in: str, problems: Problems
) -> dict[str, Path]:
    """The path of each named picture: by its whole relative path, else by ever fewer of its folders.

    Args:
        names: paths or URLs as the annotations have them, also with Windows' separators.
        folders: folders in which to look, the first one first.
        described_in: the name of the file with the annotations, for messages.
        problems: is told which pictures are missing; the result is without them.
    """
    paths = {}
    for name in names:
        candidates = (folder / tail for tail in _tails(name) for folder in folders)
        if path := next((path for path in candidates if _is_file(path)), None):
            paths[name] = path
    missing = [name for name in names if name not in paths]
    if missing:
        advice = (
            "download the pictures to that folder with the same names"
            if "://" in missing[0]
            else f"put them next to {described_in}, or into images/ there"
        )
        problems.add(
            DataError(
                f"{folders[0]} lacks {len(missing)} of {len(names)} pictures of {described_in}, "
                f"{shown(missing)}: {advice}"
            )
        )
    return paths


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or has a null byte
        return False


def _tails(name: str) -> list[str]:
    """The name's path, then without its first folder, and so on to the bare file name."""
    tails = []
    for spelling in _spellings(name.replace("\\", "/")):
        parts = [part for part in PurePosixPath(spelling).parts if part not in ("/", "..")]
        tails += ["/".join(parts[start:]) for start in range(len(parts))]
        if parts and (uploaded := _UPLOADED.fullmatch(parts[-1])):
            tails.append(uploaded[1])
    return tails


def _spellings(name: str) -> list[str]:
    """The name as a path; of a URL also its path without percent signs, and a path in its query."""
    if "://" not in name and "?" not in name and "%" not in name:
        return [name]
    url = urlsplit(name)
    asked = [value for values in parse_qs(url.query).values() for value in values]
    return [name, unquote(url.path), *asked]
