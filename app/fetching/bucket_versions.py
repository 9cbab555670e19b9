"""Versions of a model in a bucket: lists and fetches them, and small files beside the models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from app.fetching.gcs import alone_in, client, copy_bundle, failures, folder_of
from model.catalog import natural
from model.storage.manifest import MANIFEST, VERSION_PATTERN, BundleError, Manifest

_LIST_SECONDS = 30


class FoundVersion(NamedTuple):
    """A version of a model in a bucket.

    Attributes:
        version: the version.
        folder: the name of its folder; "" if it is in the model's own.
        signature: changes if one of its objects changes.
    """

    version: str
    folder: str
    signature: str


def list_versions(uri: str) -> list[FoundVersion]:
    """The versions of a model in the folder gs://bucket/prefix, the newest first, in one request.

    Each is in a folder of its own with the version's name; one may be in the folder itself. A folder without
    a manifest, which is uploaded last, is not among them.

    Raises:
        BundleError: not a folder's URI.
        OSError: Cloud Storage refused or failed.
    """
    bucket, prefix = folder_of(uri)
    folders: dict[str, list[str]] = {}
    with _failing_as_os_error(uri):
        found = client().list_blobs(
            bucket, prefix=prefix, fields="items(name,generation),nextPageToken", timeout=_LIST_SECONDS
        )
        for blob in found:
            path = blob.name.removeprefix(prefix)
            folder = path.partition("/")[0] if re.fullmatch(f"{VERSION_PATTERN}/.+", path) else ""
            if path == MANIFEST or folder:
                folders.setdefault(folder, []).append(f"{path} {blob.generation}")
        folders = {
            folder: files
            for folder, files in folders.items()
            if any(line.startswith(f"{folder}/{MANIFEST} ".lstrip("/")) for line in files)
        }
        versions = [
            FoundVersion(
                folder or _version_in(bucket.blob(prefix + MANIFEST).download_as_bytes()),
                folder,
                sha256("\n".join(sorted(files)).encode()).hexdigest(),
            )
            for folder, files in folders.items()
        ]
    return sorted(versions, key=lambda one: natural(one.version), reverse=True)


def _version_in(written: bytes) -> str:
    """The version in a manifest that need not be valid; "" if there is none."""
    try:
        return str(json.loads(written)["version"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def fetch_version(uri: str, version: FoundVersion, into: Path) -> str:
    """As `fetch_bundle`, for one of the versions in a folder; returns its full name.

    Raises:
        BundleError: it is not whole, or does not match its manifest.
        OSError: Cloud Storage refused or failed.
    """
    bucket, prefix = folder_of(uri)
    into.mkdir(parents=True, exist_ok=True)
    folder = f"{version.folder}/" if version.folder else ""
    with alone_in(into), _failing_as_os_error(uri):
        return copy_bundle(bucket, prefix + folder, into, version.folder or None).full_name


def read_manifest(uri: str, version: FoundVersion) -> Manifest | None:
    """The manifest of a version in a bucket; None if it is not valid.

    Raises OSError: Cloud Storage refused or failed.
    """
    bucket, prefix = folder_of(uri)
    folder = f"{version.folder}/" if version.folder else ""
    try:
        with _failing_as_os_error(uri):
            written = bucket.blob(prefix + folder + MANIFEST).download_as_bytes()
        return Manifest.model_validate_json(written)
    except (BundleError, ValidationError):
        return None


def read_file(uri: str, name: str) -> bytes | None:
    """The content of a small file in the folder gs://bucket/prefix; None if there is none.

    Raises:
        OSError: Cloud Storage refused or failed.
    """
    if not re.match("gs://.", uri):  # a model in no folder has nothing beside it
        return None
    bucket, prefix = folder_of(uri)
    with _failing_as_os_error(uri):
        if bucket.get_blob(prefix + name, timeout=_LIST_SECONDS) is None:
            return None
        data: bytes = bucket.blob(prefix + name).download_as_bytes()
        return data


@contextmanager
def _failing_as_os_error(uri: str) -> Iterator[None]:
    """Raise OSError if Cloud Storage fails in the `with` block, BundleError if an object is missing."""
    from google.api_core.exceptions import NotFound as NoSuchObject

    try:
        yield
    except NoSuchObject as error:
        raise BundleError(f"{uri}: one of the files is missing: {error}") from None
    except failures() as error:
        raise OSError(f"{uri} cannot be read: {error}") from error
