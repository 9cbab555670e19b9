"""Cloud Storage: reads images that callers name by gs:// URIs, and bundles that the operator configures."""

from __future__ import annotations

import fcntl
import io
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from app.configuration.settings import Settings
from app.errors import BadParameter, FetchFailed, FetchTimedOut, Forbidden, NotFound, TooLarge
from app.fetching.transfer_deadline import TransferDeadline
from model.catalog import has_version_folders, new_bundle, read_bundle
from model.storage.manifest import MANIFEST, Bundle, BundleError, Manifest
from model.storage.problems import problems_in
from model.storage.writing import BUNDLE_SUFFIXES

if TYPE_CHECKING:  # the import takes a second, and most services never need it
    from google.cloud.storage import Bucket, Client

_BUCKET = "[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"
_OBJECT = re.compile(rf"gs://({_BUCKET})/([^\r\n\0\ud800-\udfff]+)")
_FOLDER = re.compile(f"gs://({_BUCKET})(?:/(.*?))?/*")
_LONGEST_NAME_BYTES = 1024  # Cloud Storage's limit for an object's name in UTF-8
_LOCK = ".fetching"

_logger = logging.getLogger(__name__)


class NoBundle(BundleError):
    """The folder has no manifest."""


def read_object(
    uri: str, settings: Settings, deadline: TransferDeadline | None = None, most: int | None = None
) -> bytes:
    """The image file at gs://bucket/object; its content is not checked.

    Credentials come from the environment; with STORAGE_EMULATOR_HOST none are used.

    Args:
        uri: as the caller wrote it.
        settings: which buckets may be read, and the limits.
        deadline: for the whole transfer. Default: MASKSERVE_URL_TIMEOUT from now.
        most: the most bytes that the file may have. Default: MASKSERVE_MAX_BYTES.

    Raises:
        BadParameter: not a valid gs:// URI of an object.
        FetchFailed: Cloud Storage refused or failed.
        FetchTimedOut: the transfer did not end by the deadline.
        Forbidden: the bucket is not among MASKSERVE_GCS_BUCKETS.
        NotFound: there is no such object.
        TooLarge: the file has more bytes than allowed.
    """
    found = _OBJECT.fullmatch(uri)
    if not found or len(found[2].encode()) > _LONGEST_NAME_BYTES:
        raise BadParameter("gcs_uri must have the form gs://bucket/folder/photo.jpg.")
    bucket, name = found.groups()
    if bucket not in settings.gcs_buckets:
        raise Forbidden("The bucket is not among those that this service may read.")
    with deadline or TransferDeadline(settings.url_timeout) as deadline:
        received = _Received(settings.max_bytes if most is None else most, deadline)
        return deadline.call(_read, bucket, name, received, settings.url_timeout)


def fetch_bundle(uri: str, into: Path) -> str:
    """Copy the bundle in the folder gs://bucket/prefix to `into`, if it is missing there; returns its name.

    The copy appears whole or not at all, and replaces a different bundle of the same name. Processes that
    start together take turns. The bucket need not be among MASKSERVE_GCS_BUCKETS, which are for callers.

    Raises:
        NoBundle: there is no bundle in that folder.
        BundleError: it does not match its manifest, or Cloud Storage failed.
    """
    bucket, prefix = folder_of(uri)
    into.mkdir(parents=True, exist_ok=True)
    with alone_in(into):
        try:
            return copy_bundle(bucket, prefix, into).name
        except NoBundle as error:
            raise NoBundle(f"{uri}: {error}") from None
        except BundleError as error:
            raise BundleError(f"{uri}: {error}") from None
        except failures() as error:
            raise BundleError(f"{uri} cannot be copied: {error}") from error


def _read(bucket: str, name: str, received: _Received, seconds: float) -> bytes:
    """The object's bytes. Each step may take `seconds`, so it may end after its caller stopped waiting."""
    from google.api_core import exceptions
    from google.cloud.storage.retry import DEFAULT_RETRY

    patience: dict[str, Any] = {"timeout": seconds, "retry": DEFAULT_RETRY.with_timeout(seconds)}
    try:
        objects = client().bucket(bucket)
        found = objects.get_blob(name, **patience)
        if found is None:
            raise NotFound("There is no such object in the bucket.")
        if found.size is not None and found.size > received.most:
            raise TooLarge.in_bytes(received.most)
        # A new blob, because one with metadata is downloaded from the link in its metadata.
        objects.blob(name).download_to_file(received, **patience)
    except exceptions.NotFound:  # deleted since
        raise NotFound("There is no such object in the bucket.") from None
    except exceptions.RetryError:
        raise FetchTimedOut(f"Cloud Storage did not send the image within {seconds:g} seconds.") from None
    except exceptions.GoogleAPICallError as error:
        _logger.warning(
            "Cloud Storage refused or failed (if 403, grant the service's account the role"
            " roles/storage.objectViewer on the bucket): %s",
            error,
        )
        raise FetchFailed(f"Cloud Storage answered with status {error.code}.") from None
    except failures() as error:
        _logger.warning("cannot read from Cloud Storage (check credentials and network): %s", error)
        raise FetchFailed("The service cannot read from Cloud Storage.") from None
    return received.getvalue()


class _Received(io.BytesIO):
    """The bytes received so far, within limits: an object that is stored compressed grows when it is read."""

    def __init__(self, most: int, deadline: TransferDeadline) -> None:
        super().__init__()
        self.most = most
        self._deadline = deadline

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.most:
            raise TooLarge.in_bytes(self.most)
        self._deadline.count(len(data))
        return super().write(data)


def folder_of(uri: str) -> tuple[Bucket, str]:
    """The bucket, and the prefix of the objects in a folder. Raises BundleError."""
    found = _FOLDER.fullmatch(uri)
    if not found:
        raise BundleError(f"{uri!r} is not a folder such as gs://bucket/models/cells")
    bucket, prefix = found.groups()
    return client().bucket(bucket), f"{prefix}/" if prefix else ""


def copy_bundle(bucket: Bucket, prefix: str, into: Path, version: str | None = None) -> Manifest:
    """Copy the bundle with that prefix to `into`, if it is missing there.

    `version`: its folder there is that of this version. Raises BundleError, or what `failures` names.
    """
    from google.api_core.exceptions import NotFound as NoSuchObject

    try:
        written: bytes = bucket.blob(prefix + MANIFEST).download_as_bytes()
    except NoSuchObject as error:
        raise NoBundle(f"{MANIFEST} is missing there: {error}") from None
    try:
        manifest = Manifest.model_validate_json(written)
    except ValidationError as error:
        raise BundleError(f"{MANIFEST}: {problems_in(error)}") from None
    for name in manifest.files:
        _check_inside(name)
    if version is None and has_version_folders(manifest.name, into):
        version = manifest.version
    place = into / manifest.name / (version or "")
    if _is_there(Bundle(place, manifest), written):
        return manifest
    with new_bundle(manifest.name, into, version) as folder:
        (folder / MANIFEST).write_bytes(written)
        for name in manifest.files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            bucket.blob(prefix + name).download_to_filename(str(path))
        read_bundle(folder, manifest.name, version).check()
    return manifest


def _check_inside(name: str) -> None:
    """Raise BundleError unless `name` is the relative path of a file inside a bundle."""
    path = PurePosixPath(name)
    plain = str(path) == name and not path.is_absolute() and ".." not in path.parts
    if not plain or not name.isprintable() or "\\" in name or path.suffix not in BUNDLE_SUFFIXES:
        raise BundleError(f"{MANIFEST} lists {name!r}, which is not a valid file name in a bundle")


def _is_there(bundle: Bundle, written: bytes) -> bool:
    """Whether the folder of `bundle` has this manifest and the files that it lists."""
    try:
        if (bundle.folder / MANIFEST).read_bytes() != written:
            return False
        bundle.check()
    except (OSError, BundleError):
        return False
    return True


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lock out other processes of this machine that fetch bundles into `folder`."""
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def client() -> Client:
    """The client for all requests."""
    return _client_for(os.environ.get("STORAGE_EMULATOR_HOST"))


@cache
def _client_for(emulator: str | None) -> Client:
    """One client for all requests, which keeps connections and credentials. It reads `emulator` itself."""
    from google.cloud.storage import Client

    # Otherwise the client also reads each bucket's metadata, for traces, even if these are off; the right to
    # read objects does not include that.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    return Client(project=None)  # a project is needed only to list or create buckets


def failures() -> tuple[type[Exception], ...]:
    """The exceptions that reading from Cloud Storage may raise."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
    from requests import RequestException

    return (GoogleAPIError, GoogleAuthError, DataCorruption, InvalidResponse, RequestException, OSError)
