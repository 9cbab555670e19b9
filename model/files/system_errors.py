"""System errors: what the operating system refuses, an OSError, in words for people."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT}
"""The numbers that say that a disk has no room left."""
_WORDS = {
    errno.ENOENT: "there is no such file or folder",
    errno.EACCES: "no permission to read or write there",
    errno.EPERM: "no permission to read or write there",
    errno.EISDIR: "it is a folder, where a file was expected",
    errno.ENOTDIR: "a file stands where a folder was expected",
    errno.EEXIST: "something of that name is there already",
    errno.EROFS: "the disk can only be read",
    errno.ENOSPC: "no space is left on the disk",
    errno.EDQUOT: "no more space is allowed on the disk (quota)",
    errno.EFBIG: "no file of that size is allowed there",
    errno.ENAMETOOLONG: "the name is too long",
    errno.ELOOP: "its links lead in a circle",
    errno.EMFILE: "too many files are open: allow more, as with ulimit -n",
    errno.EIO: "the disk cannot be read or written",
    errno.EPIPE: "what should read the output has ended",
    errno.ENOMEM: "no memory is left",
}


def in_words(error: OSError, path: Path | None = None) -> str:
    """What went wrong, with the name of the file, said once; of an error written for people its own text.

    Args:
        error: as it was raised.
        path: the file that the user knows of, where the error is about another or about none.
    """
    place = path or (_path_of(error) if error.errno is not None else "")
    return f"{place}: {reason(error)}" if place else reason(error)


def reason(error: Exception) -> str:
    """What went wrong, without the name of the file; of an error written for people its own text."""
    if not isinstance(error, OSError) or error.errno is None:
        return str(error)
    return _WORDS.get(error.errno) or _decapitalized(error.strerror or os.strerror(error.errno))


def megabytes(size: int) -> str:
    """A number of bytes for people."""
    return f"{size / 1e6:,.0f} MB"


def free_bytes(folder: Path) -> int:
    """What may still be written to the disk of a folder."""
    return shutil.disk_usage(folder).free


def _path_of(error: OSError) -> str:
    """The file that it is about: of a copy that does not fit, the second."""
    path = error.filename2 if error.errno in FULL and error.filename2 else error.filename
    return os.fsdecode(path) if isinstance(path, str | bytes | os.PathLike) else ""


def _decapitalized(text: str) -> str:
    return text[:1].lower() + text[1:]
