"""A folder in Cloud Storage, copied to this machine and, file by file, back."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from google.cloud.storage import Blob, Client

URI = re.compile(r"gs://([a-z0-9][a-z0-9._-]{1,220}[a-z0-9])(?:/(.*))?")
AT_ONCE = 8  # transfers; the client keeps ten connections

Signature = tuple[int, int, int]


class NotThere(ValueError):
    """The folder or object is missing, or its name is not valid; the message says what is expected."""


class BucketFolder:
    """A folder gs://bucket/prefix.

    Attributes:
        uri: as it was given, without a slash at the end.
    """

    def __init__(self, uri: str, client: Client) -> None:
        """Takes no request. Raises NotThere if `uri` is not of this form."""
        found = URI.fullmatch(uri)
        if not found:
            raise NotThere(f"{uri!r} is no folder in Cloud Storage: expected gs://bucket/folder")
        self.uri = uri.rstrip("/")
        self._bucket = client.bucket(found[1])
        self._prefix = (found[2] or "").strip("/")

    def download(self, into: Path) -> int:
        """Copy all objects of the folder to `into`; returns their number, 0 if there are none.

        Raises:
            NotThere: an object's name leads out of the folder.
        """
        start = f"{self._prefix}/" if self._prefix else ""
        blobs = {
            blob.name.removeprefix(start): blob
            for blob in self._bucket.list_blobs(prefix=start)
            if not blob.name.endswith("/")  # a folder that the console has made
        }
        for name in blobs:
            _check_inside(name)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda name: _download(blobs[name], into / name), blobs))
        return len(blobs)

    def download_object(self, path: Path) -> bool:
        """Copy the object of this name to a file; returns whether there is one."""
        blob = self._bucket.get_blob(self._prefix) if self._prefix else None
        if blob is None:
            return False
        _download(blob, path)
        return True

    def upload(self, path: Path, name: str) -> None:
        """Write a file as the object `name` of the folder, which then has the new content or the old one."""
        self._bucket.blob(f"{self._prefix}/{name}" if self._prefix else name).upload_from_filename(path)


class Mirror:
    """Keeps a folder in Cloud Storage like one on this machine that a program is writing to.

    Args:
        folder: on this machine. Its files are replaced as a whole, not changed.
        bucket_folder: the copy.
        last: names of files that rely on the others, in the order in which they are uploaded after these.
            They are looked at first, so that the others are at least as new in the copy.
        is_kept: whether a file of this name is copied.
    """

    def __init__(
        self,
        folder: Path,
        bucket_folder: BucketFolder,
        last: Iterable[str],
        is_kept: Callable[[str], bool],
    ) -> None:
        self._folder = folder
        self._bucket_folder = bucket_folder
        self._last = list(last)
        self._is_kept = is_kept
        self._uploaded: dict[str, Signature] = {}

    def restore(self) -> int:
        """Fill the folder from its copy; returns the number of files."""
        count = self._bucket_folder.download(self._folder)
        self._uploaded = {name: _signature(self._folder / name) for name in self._names()}
        return count

    def update(self) -> list[str]:
        """Upload all files that have changed since the last call; returns their names, in this order."""
        with tempfile.TemporaryDirectory(dir=self._folder.parent, prefix=".mirror-") as place:
            changed = self._snapshot(Path(place))
            for name in changed:
                self._bucket_folder.upload(Path(place, name), name)
                self._uploaded[name] = _signature(Path(place, name))
        return changed

    def _snapshot(self, place: Path) -> list[str]:
        """Links to the files that have changed: a file that is replaced meanwhile stays as it was there."""
        changed = []
        for name in [*reversed(self._last), *(name for name in self._names() if name not in self._last)]:
            link = place / name
            link.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(self._folder / name, link)
            except FileNotFoundError:
                continue
            if self._uploaded.get(name) != _signature(link):
                changed.append(name)
        return sorted(changed, key=lambda name: self._last.index(name) if name in self._last else -1)

    def _names(self) -> list[str]:
        paths = (path for path in sorted(self._folder.rglob("*")) if path.is_file())
        names = (path.relative_to(self._folder).as_posix() for path in paths)
        return [name for name in names if self._is_kept(name)]


def _download(blob: Blob, path: Path) -> None:
    """Write an object to a file, which appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    blob.download_to_filename(str(part))
    shutil.move(part, path)


def _check_inside(name: str) -> None:
    path = PurePosixPath(name)
    if str(path) != name or path.is_absolute() or ".." in path.parts:
        raise NotThere(f"the object {name!r} cannot be a file here: rename it")


def _signature(path: Path) -> Signature:
    """What changes when a file is replaced or written to."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns
