"""Fetching: downloads published weight files, and resumes interrupted downloads."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import requests
from tqdm import tqdm

from model import catalog
from model.files.system_errors import FULL, free_bytes, in_words, megabytes
from model.files.whole_files import whole_file
from model.publishing.published import PublishedWeights
from model.storage.manifest import sha256_of

Made = TypeVar("Made")
BLOCK = 1 << 18
TIMEOUT_SECONDS = 30
HASHES = "fetched.json"
"""File in `model_dir` with the sha256 of each file when it was first fetched."""


class FetchError(ValueError):
    """A file could not be downloaded, or is not the expected one."""


def fetch(published: PublishedWeights, make: Callable[[Path], Made]) -> Made:
    """Download the file, resuming an interrupted download, and make a model of it.

    Args:
        published: the file to download.
        make: makes the model from the file, which is deleted afterwards.

    Raises:
        FetchError: there is no network, or the file has another size or is not that of the first fetch.
    """
    root = catalog.model_dir()
    root.mkdir(parents=True, exist_ok=True)
    part = root / f"{published.name}.part"
    if not part.exists() or part.stat().st_size != published.size:
        download(published, part)
    sha256 = _check_against_first_fetch(root / HASHES, published, part)
    try:
        made = make(part)
    except ValueError:
        part.unlink()  # otherwise the next attempt would use it again
        raise
    _remember(root / HASHES, published.name, sha256)
    part.unlink()
    return made


def download(published: PublishedWeights, part: Path) -> None:
    """Download the file to `part`, or the rest of it if that holds a beginning.

    Raises:
        FetchError: there is no network or no space, or the file has another size.
    """
    already = part.stat().st_size if part.exists() else 0
    if already > published.size:  # not a part of this file
        already = 0
    try:
        with requests.get(
            published.url,
            headers={"Range": f"bytes={already}-"} if already else {},
            stream=True,
            timeout=TIMEOUT_SECONDS,
        ) as response:
            response.raise_for_status()
            resumed = response.status_code == requests.codes.partial_content
            _save(response, part, already if resumed else 0, published)
    except requests.RequestException as error:
        if part.exists() and not part.stat().st_size:
            part.unlink()
        raise FetchError(
            f"{published.url} could not be downloaded ({_reason(error)}). Check the network and try again: "
            "the download will resume. Or download the file elsewhere and use: python -m model import"
        ) from None
    except OSError as error:
        if error.errno not in FULL:
            raise
        free = megabytes(free_bytes(part.parent))
        raise FetchError(
            f"{part.parent}: {in_words(error)}: the download takes {megabytes(published.size)}, and {free} "
            "are free in addition to the part that has arrived. Free space and repeat the command to resume"
        ) from None
    size = part.stat().st_size
    if size != published.size:
        part.unlink()
        raise FetchError(f"{published.url} has {size:,} bytes, but {published.size:,} were expected")


def _save(response: requests.Response, part: Path, already: int, published: PublishedWeights) -> None:
    with (
        part.open("ab" if already else "wb") as file,
        tqdm(
            total=published.size, initial=already, unit="B", unit_scale=True, desc=published.name
        ) as progress,
    ):
        for block in response.iter_content(BLOCK):
            file.write(block)
            progress.update(len(block))


def _check_against_first_fetch(hashes: Path, published: PublishedWeights, part: Path) -> str:
    """The file's sha256; raises FetchError if it differs from that of the first fetch."""
    known = json.loads(hashes.read_text()) if hashes.exists() else {}
    found = sha256_of(part)
    if known.get(published.name, found) != found:
        part.unlink()
        raise FetchError(
            f"{published.url} is no longer the file that was first fetched: its sha256 is {found}, but was "
            f"{known[published.name]}. If you trust the new file, remove its entry from {hashes.name}"
        )
    return found


def _remember(hashes: Path, name: str, sha256: str) -> None:
    known = json.loads(hashes.read_text()) if hashes.exists() else {}
    with whole_file(hashes) as part:
        part.write_text(json.dumps({**known, name: sha256}, indent=2) + "\n")


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke off"
    return "no connection" if isinstance(error, requests.ConnectionError) else type(error).__name__
