"""Pictures of a run: which files it reads, in Cloud Storage or any other file system that Beam knows."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from apache_beam.io.filesystem import FileMetadata, FileSystem
from apache_beam.io.filesystems import FileSystems

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client

_IN_BUCKET = re.compile(r"gs://([^/]+)/(.+)", re.DOTALL)
_WILDCARDS = re.compile(r"[*?\[]")


class CannotRead(OSError):
    """A picture's file cannot be read; the message says why."""


class NoPictures(ValueError):
    """A pattern fits no file, or a list names none."""


class Picture(NamedTuple):
    """A file to segment.

    Attributes:
        uri: its address, gs://… or a path.
        generation: changes when the file is overwritten: an object's generation in Cloud Storage, elsewhere
            the time of the last change in microseconds; 0 if the file was not found.
        length: its bytes.
        problem: why it cannot be read, if that was seen when it was listed.
    """

    uri: str
    generation: int
    length: int
    problem: str = ""

    @property
    def key(self) -> str:
        """See `key_of`."""
        return key_of(self.uri, self.generation)


def key_of(uri: str, generation: int) -> str:
    """The address and the generation in one string, by which a run knows what an earlier one has written."""
    return f"{uri}#{generation}"


def pictures_matching(pattern: str) -> Iterator[Picture]:
    """The files that fit a pattern, in which * stands for part of a name and ** also for folders.

    Raises:
        NoPictures: there are none.
        CannotRead: Cloud Storage does not list them.
    """
    from google.api_core.exceptions import GoogleAPIError
    from google.auth.exceptions import GoogleAuthError

    if os.path.isdir(pattern):
        raise NoPictures(f"{pattern} is a folder: expected a pattern such as {pattern}/**.png")
    found = False
    try:
        for picture in _in_bucket(pattern) if pattern.startswith("gs://") else _elsewhere(pattern):
            found = True
            yield picture
    except (GoogleAPIError, GoogleAuthError) as error:
        raise CannotRead(f"{pattern} cannot be listed: {error}") from error
    if not found:
        raise NoPictures(f"no file matches {pattern}: expected a pattern such as gs://bucket/folder/**.png")


def picture_at(uri: str) -> Picture:
    """The file at an address, as it is now; a wrong address is a picture with a problem."""
    try:
        found = _blob_at(uri) if uri.startswith("gs://") else next(_elsewhere(glob.escape(uri)), None)
    except file_errors() as error:
        return Picture(uri, 0, 0, f"the file cannot be found: {error}")
    return found or Picture(uri, 0, 0, "there is no such file")


def addresses_in(path: str) -> list[str]:
    """The addresses in a text file, one in each line. Raises NoPictures: there are none."""
    with FileSystems.open(path) as file:
        text = file.read().decode("utf-8-sig", errors="backslashreplace")
    lines = [line.strip() for line in text.split("\n")]
    addresses = [absolute(line) for line in lines if line]
    if not addresses:
        raise NoPictures(f"{path} is empty: expected the address of a picture in each line")
    return addresses


def read(picture: Picture) -> bytes:
    """The whole file. Raises CannotRead."""
    if picture.problem:
        raise CannotRead(picture.problem)
    try:
        if picture.uri.startswith("gs://"):
            bucket, name = _parts_of(picture.uri)
            blob = _client().bucket(bucket).blob(name, generation=picture.generation)
            return bytes(blob.download_as_bytes())
        with FileSystems.open(picture.uri, compression_type="uncompressed") as file:
            return bytes(file.read())
    except file_errors() as error:
        raise CannotRead(f"the file cannot be read: {error}") from error


def absolute_pattern(pattern: str) -> str:
    """As `absolute`, for a pattern; brackets in the name of the current folder stand for themselves."""
    if "://" in pattern:
        return pattern
    return os.path.abspath(os.path.join(glob.escape(os.getcwd()), pattern))


def absolute(address: str) -> str:
    """The address; a path on this machine is made absolute, as another run may start elsewhere."""
    return address if "://" in address else os.path.abspath(address)


@cache
def file_errors() -> tuple[type[Exception], ...]:
    """What finding and reading a file raises: for a wrong address, on disks, and in Cloud Storage."""
    from google.api_core.exceptions import GoogleAPIError

    return ValueError, OSError, GoogleAPIError


def refusals() -> tuple[type[Exception], ...]:
    """What keeps a run from starting: `file_errors`, and what is raised without valid credentials."""
    from google.auth.exceptions import GoogleAuthError

    return *file_errors(), GoogleAuthError


@cache
def _client() -> Client:
    from google.cloud import storage

    return storage.Client()


def _parts_of(uri: str) -> tuple[str, str]:
    found = _IN_BUCKET.fullmatch(uri)
    if not found:
        raise ValueError(f"{uri!r} is no address in Cloud Storage: expected gs://bucket/object")
    return found[1], found[2]


def _in_bucket(pattern: str) -> Iterator[Picture]:
    """As Beam matches patterns, which does not tell generations; without the folders that consoles make."""
    bucket, pattern_of_name = _parts_of(pattern)
    wildcard = _WILDCARDS.search(pattern_of_name)
    prefix = pattern_of_name[: wildcard.start()] if wildcard else pattern_of_name
    fits = re.compile(FileSystem.translate_pattern(pattern_of_name))
    listed = _client().list_blobs(
        bucket, prefix=prefix, fields="items(bucket,name,generation,size),nextPageToken"
    )
    return (_of_blob(blob) for blob in listed if fits.fullmatch(blob.name) and not blob.name.endswith("/"))


def _blob_at(uri: str) -> Picture | None:
    bucket, name = _parts_of(uri)
    blob = _client().bucket(bucket).get_blob(name)
    return None if blob is None else _of_blob(blob)


def _of_blob(blob: Blob) -> Picture:
    return Picture(f"gs://{blob.bucket.name}/{blob.name}", int(blob.generation), int(blob.size))


def _elsewhere(pattern: str) -> Iterator[Picture]:
    (matched,) = FileSystems.match([pattern])
    return map(_of_metadata, matched.metadata_list)


def _of_metadata(found: FileMetadata) -> Picture:
    uri = os.fsencode(found.path).decode(errors="backslashreplace")
    problem = "" if uri == found.path else "the file's name is not UTF-8: rename it"
    generation = int(found.last_updated_in_seconds * 1_000_000)
    return Picture(uri, generation, found.size_in_bytes, problem)
