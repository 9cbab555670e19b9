"""Fingerprint: the hash of a data set's files, which shows whether two runs used the same data."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from model.data.files import is_left_by_system
from model.data.opening import open_data
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError
from model.data.sources import PictureFile
from model.files.system_errors import reason


def fingerprint(path: str | Path, reading: Reading = NO_CHOICE) -> str:
    """The hexadecimal SHA-256 of a data set.

    It covers the content and the relative path of every file below a folder; of a file that describes a data
    set, such as COCO's JSON, itself and the pictures that it names. It does not depend on the folder's own
    place and name, on the order of its files or on their times, so a copy has the same. Files that operating
    systems create (.DS_Store, Thumbs.db) and hidden ones are left out. Symbolic links are followed, so a
    folder of links has the fingerprint of a folder of copies.

    Reads every byte: several hundred MB/s of large files, a few thousand small files a second.

    Args:
        path: the folder or file, as for `open_data`.
        reading: how the data set is read, to find the pictures of a file.

    Raises:
        DataError: a file cannot be read, or a symbolic link points to nothing.
    """
    path = Path(path)
    root = path if path.is_dir() else path.parent
    files = _below(path) if path.is_dir() else _described_by(path, reading)
    hashes = {}
    for file in tqdm(sorted(files), desc="data hash", unit="file", delay=3, leave=False):
        try:
            with file.open("rb") as stream:
                content = hashlib.file_digest(stream, "sha256")
        except OSError as error:
            raise DataError(f"{file} cannot be read: {reason(error)}") from error
        hashes[_name(file, root)] = content.digest()
    whole = hashlib.sha256()
    for name in sorted(hashes):
        whole.update(name + b"\0" + hashes[name])  # no name contains a zero
    return whole.hexdigest()


def _below(folder: Path) -> Iterator[Path]:
    """The files below a folder, through symbolic links; a folder that contains itself is entered once."""
    above = [(folder, frozenset([folder.resolve()]))]
    while above:
        place, entered = above.pop()
        try:
            entries = [entry for entry in place.iterdir() if not is_left_by_system(entry)]
        except OSError as error:
            raise DataError(f"{place} cannot be read: {reason(error)}") from error
        for entry in entries:
            if not entry.is_dir():
                yield entry
            elif (real := entry.resolve()) not in entered:
                above.append((entry, entered | {real}))


def _described_by(path: Path, reading: Reading) -> Iterator[Path]:
    yield path
    yield from (source.path for source in open_data(path, reading).sources if isinstance(source, PictureFile))


def _name(file: Path, root: Path) -> bytes:
    """The path from `root` as bytes; macOS writes letters with accents as two characters, Linux as one."""
    relative = Path(os.path.relpath(file, root)).as_posix()
    return unicodedata.normalize("NFC", relative).encode(errors="surrogateescape")
