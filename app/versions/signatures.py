"""Signatures: tell whether the files of a bundle have changed, without reading all of them."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from model.storage.manifest import MANIFEST, Manifest


def digest_of(manifest: Manifest) -> str:
    """Identify a bundle by its manifest, which has the hashes of the other files."""
    return sha256(manifest.model_dump_json().encode()).hexdigest()


def signature_of(folder: Path) -> str:
    """Identify the content of a bundle by its manifest, and the size and time of each file that it lists."""
    digest = sha256()
    try:
        text = (folder / MANIFEST).read_bytes()
        digest.update(text)
        for name in json.loads(text)["files"]:
            digest.update(f"{name} {_size_and_time(folder / name)}".encode())
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:  # it is not whole
        digest.update(type(error).__name__.encode())
    return digest.hexdigest()


def _size_and_time(path: Path) -> str:
    """Identify the content of a file that may be missing: others of its bundle may still be growing."""
    try:
        status = path.stat()
    except OSError:
        return "missing"
    return f"{status.st_size} {status.st_mtime_ns}"
