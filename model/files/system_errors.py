"""System errors: turns an OSError into a message for people."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT}
"""The error numbers for a full disk or an exceeded quota."""
_WORDS = {
    errno.ENOENT: "there is no such file or folder",
    errno.EACCES: "no permission to read or write there",
    errno.EPERM: "no permission to read or write there",
    errno.EISDIR: "it is a folder, but a file was expected",
    errno.ENOTDIR: "part of the path is a file, but a folder was expected",
    errno.EEXIST: "a file or folder of that name exists already",
    errno.EROFS: "the disk is read-only",
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "the disk quota is exceeded",
    errno.EFBIG: "files of that size are not allowed there",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "its symbolic links form a loop",
    errno.EMFILE: "too many files are open: raise the limit, for example with ulimit -n",
    errno.EIO: "the disk cannot be read or written",
    errno.EPIPE: "the program that reads the output has ended",
    errno.ENOMEM: "no memory is left",
}


def in_words(error: OSError, path: Path | None = None) -> str:
    """Return what went wrong, with the name of the file; if the error has no number, its own text.

    Args:
        error: the error as it was raised.
        path: the file that the user named, if the error names another file or none.
    """
    place = path or (_path_of(error) if error.errno is not None else "")
    return f"{place}: {reason(error)}" if place else reason(error)


def reason(error: Exception) -> str:
    """What went wrong, without the name of the file; of an error written for people its own text."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    return _WORDS.get(error.errno) or _decapitalized(error.strerror or os.strerror(error.errno))


def megabytes(size: int) -> str:
    """Return a number of bytes as text in MB."""
    return f"{size / 1e6:,.0f} MB"


def free_bytes(folder: Path) -> int:
    """Return how many bytes are free on the disk of a folder."""
    return shutil.disk_usage(folder).free


def _path_of(error: OSError) -> str:
    """Return the file that the error is about; of a copy that does not fit on the disk, the destination."""
    path = error.filename2 if error.errno in FULL and error.filename2 else error.filename
    return os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""


def _decapitalized(text: str) -> str:
    return text[:1].lower() + text[1:]
