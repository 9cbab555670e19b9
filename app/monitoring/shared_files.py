"""Shared files: small JSON files and locks by which processes tell each other things."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any


def write_json(path: Path, document: Mapping[str, Any]) -> None:
    """Write JSON, which appears whole or not at all."""
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    new.write_text(json.dumps(document))
    os.replace(new, path)


def read_json(path: Path) -> Any:
    """The JSON in a file; None if there is no such file."""
    with suppress(FileNotFoundError):
        return json.loads(path.read_text())
    return None


def number_in(path: Path) -> int:
    """The member `number` of the JSON in a file; 0 if there is no such file."""
    found = read_json(path)
    return 0 if found is None else int(found["number"])


def try_lock(descriptor: int) -> bool:
    """Whether the file is locked now, until it is closed or the process ends; False if another has it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
