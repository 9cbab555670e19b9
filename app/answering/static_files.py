"""Static files: browsers keep them for good, because their addresses change whenever one of them does.

The page has dozens of modules, and asking for each whether it has changed takes a visitor longer than reading
them. They import each other by relative addresses, so the version is in the path: /static/@VERSION/style.css.
"""

from __future__ import annotations

import time
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from flask import Flask, Response, send_from_directory

_YEAR = 365 * 24 * 3600  # seconds


def register(app: Flask) -> None:
    """Put a version into the addresses of the static files of `app`."""
    folder = Path(str(app.static_folder))

    @app.url_defaults
    def add_version(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static":
            values["filename"] = f"@{_version(folder)}/{values['filename']}"

    def send(filename: str) -> Response:
        version, _, name = filename.partition("/") if filename.startswith("@") else ("", "", filename)
        # During a rollout, a page may be of another version of the service than what sends its files.
        is_own = version == f"@{_version(folder)}"
        response = send_from_directory(folder, name, max_age=_YEAR if is_own else None)
        if is_own:
            response.cache_control.immutable = True
        return response

    app.view_functions["static"] = send


def _version(folder: Path) -> str:
    """Changes with the files, also while the service runs: developers edit them."""
    return _version_at(folder, int(time.monotonic()))


@lru_cache(maxsize=1)
def _version_at(folder: Path, second: int) -> str:
    """The version in this second: looking at all files takes milliseconds, and a page has dozens of links."""
    digest = blake2b(digest_size=8)
    for path in sorted(folder.rglob("*")):
        state = path.stat()
        digest.update(f"{path.relative_to(folder)} {state.st_mtime_ns} {state.st_size}\n".encode())
    return digest.hexdigest()
