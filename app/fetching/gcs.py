"""Cloud Storage: images that callers name as gs://, and the bundles that the operator does."""

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
from model.catalog import BUNDLE_SUFFIXES, new_bundle, read_bundle
from model.manifest import MANIFEST, Bundle, BundleError, Manifest
from model.problems import problems_in

if TYPE_CHECKING:  # it takes a second to import, and most services never need it
    from google.cloud.storage import Bucket, Client

_BUCKET = "[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"
_OBJECT = re.compile(rf"gs://({_BUCKET})/([^\r\n\0\ud800-\udfff]+)")
_FOLDER = re.compile(f"gs://({_BUCKET})(?:/(.*?))?/*")
_LONGEST_NAME_BYTES = 1024  # of an object, in UTF-8: Cloud Storage's own limit
_LOCK = ".fetching"

_logger = logging.getLogger(__name__)


def read_object(
    uri: str, settings: Settings, deadline: TransferDeadline | None = None, most: int | None = None
) -> bytes:
    """The image file at gs://bucket/object, not looked into.

    Credentials are those of the environment; with STORAGE_EMULATOR_HOST there are none.

    Args:
        uri: as the caller names it.
        settings: say which buckets are read.
        deadline: by when it must be here; None: within MASKSERVE_URL_TIMEOUT.
        most: bytes that it may have; None: MASKSERVE_MAX_BYTES.

    Raises:
        BadParameter: not such a URI.
        FetchFailed: Cloud Storage refused or failed.
        FetchTimedOut: it took more time.
        Forbidden: a bucket that is not among MASKSERVE_GCS_BUCKETS.
        NotFound: no such object.
        TooLarge: it has more bytes.
    """
    found = _OBJECT.fullmatch(uri)
    if not found or len(found[2].encode()) > _LONGEST_NAME_BYTES:
        raise BadParameter("gcs_uri must be one such as gs://bucket/folder/photo.jpg.")
    bucket, name = found.groups()
    if bucket not in settings.gcs_buckets:
        raise Forbidden("The bucket is not among those that the service reads from.")
    with deadline or TransferDeadline(settings.url_timeout) as deadline:
        received = _Received(settings.max_bytes if most is None else most, deadline)
        return deadline.call(_read, bucket, name, received, settings.url_timeout)


def fetch_bundle(uri: str, into: Path) -> str:
    """Copy the bundle in the folder gs://bucket/prefix to `into`, unless it is there; returns its name.

    It appears whole or not at all, in place of one of the same name that differs; processes that start
    together take turns. The bucket need not be among MASKSERVE_GCS_BUCKETS: no caller has named it.

    Raises:
        BundleError: no such bundle, one that is not what its manifest says, or Cloud Storage failed.
    """
    found = _FOLDER.fullmatch(uri)
    if not found:
        raise BundleError(f"{uri!r} is not a folder such as gs://bucket/models/cells")
    bucket, prefix = found.groups()
    into.mkdir(parents=True, exist_ok=True)
    with _alone_in(into):
        try:
            return _copy_bundle(_client().bucket(bucket), f"{prefix}/" if prefix else "", into)
        except BundleError as error:
            raise BundleError(f"{uri}: {error}") from None
        except _failures() as error:
            raise BundleError(f"{uri} cannot be copied: {error}") from error


def _read(bucket: str, name: str, received: _Received, seconds: float) -> bytes:
    """The object. Whoever waits for it may have left before: each step alone may take `seconds`."""
    from google.api_core import exceptions
    from google.cloud.storage.retry import DEFAULT_RETRY

    patience: dict[str, Any] = {"timeout": seconds, "retry": DEFAULT_RETRY.with_timeout(seconds)}
    try:
        objects = _client().bucket(bucket)
        found = objects.get_blob(name, **patience)
        if found is None:
            raise NotFound("There is no such object in the bucket.")
        if found.size is not None and found.size > received.most:
            raise TooLarge.in_bytes(received.most)
        # A new blob: one that has metadata is downloaded from wherever these say.
        objects.blob(name).download_to_file(received, **patience)
    except exceptions.NotFound:  # deleted since
        raise NotFound("There is no such object in the bucket.") from None
    except exceptions.RetryError:
        raise FetchTimedOut(f"Cloud Storage did not give the image within {seconds:g} seconds.") from None
    except exceptions.GoogleAPICallError as error:
        _logger.warning(
            "Cloud Storage refused or failed: %s", error
        )  # the operator can help: a role is missing
        raise FetchFailed(f"Cloud Storage answered with status {error.code}.") from None
    except _failures() as error:
        _logger.warning("Cloud Storage cannot be read: %s", error)  # such as: no credentials
        raise FetchFailed("Cloud Storage cannot be read.") from None
    return received.getvalue()


class _Received(io.BytesIO):
    """What has arrived, within limits: an object that is stored compressed grows on its way."""

    def __init__(self, most: int, deadline: TransferDeadline) -> None:
        super().__init__()
        self.most = most
        self._deadline = deadline

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.most:
            raise TooLarge.in_bytes(self.most)
        self._deadline.count(len(data))
        return super().write(data)


def _copy_bundle(bucket: Bucket, prefix: str, into: Path) -> str:
    written: bytes = bucket.blob(prefix + MANIFEST).download_as_bytes()
    try:
        manifest = Manifest.model_validate_json(written)
    except ValidationError as error:
        raise BundleError(f"{MANIFEST}: {problems_in(error)}") from None
    for name in manifest.files:
        _check_inside(name)
    if _is_there(Bundle(into / manifest.name, manifest), written):
        return manifest.name
    with new_bundle(manifest.name, into) as folder:
        (folder / MANIFEST).write_bytes(written)
        for name in manifest.files:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            bucket.blob(prefix + name).download_to_filename(str(path))
        read_bundle(folder).check()
    return manifest.name


def _check_inside(name: str) -> None:
    """Raise BundleError unless `name` is that of a file in a bundle, and of none above it."""
    path = PurePosixPath(name)
    plain = str(path) == name and not path.is_absolute() and ".." not in path.parts
    if not plain or not name.isprintable() or "\\" in name or path.suffix not in BUNDLE_SUFFIXES:
        raise BundleError(f"{MANIFEST} names {name!r}, which no bundle has")


def _is_there(bundle: Bundle, written: bytes) -> bool:
    """Whether the folder of `bundle` has this manifest, and the files that it names."""
    try:
        if (bundle.folder / MANIFEST).read_bytes() != written:
            return False
        bundle.check()
    except (OSError, BundleError):
        return False
    return True


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep out the other processes of this machine that fetch bundles into `folder`."""
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _client() -> Client:
    return _client_for(os.environ.get("STORAGE_EMULATOR_HOST"))


@cache
def _client_for(emulator: str | None) -> Client:
    """One for all requests: it keeps connections and credentials. It reads `emulator` itself."""
    from google.cloud.storage import Client

    # Or it also asks about each bucket, to label traces, though these be off: who may read objects may not.
    os.environ.setdefault("DISABLE_GCS_PYTHON_CLIENT_OTEL_BUCKET_METADATA", "true")
    return Client(project=None)  # no bucket is listed or made, so none is needed


def _failures() -> tuple[type[Exception], ...]:
    """What reading from Cloud Storage raises when it fails."""
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError
    from google.cloud.storage.exceptions import DataCorruption, InvalidResponse
    from requests import RequestException

    return (GoogleAPIError, GoogleAuthError, DataCorruption, InvalidResponse, RequestException, OSError)
