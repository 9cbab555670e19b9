"""Paths: reading an image file below MASKSERVE_PATH_ROOT, and nothing that is not below it."""

from __future__ import annotations

import os
import stat

from app.configuration.settings import Settings
from app.errors import BadParameter, Forbidden, NotFound, TooLarge

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW

# Linux's own limits. Resolving takes time that grows with the square of the length: seconds for a megabyte.
_LONGEST_PATH, _LONGEST_NAME = 4095, 255  # bytes


def read_path(path: str, settings: Settings) -> bytes:
    """The image file at `path`, absolute or below MASKSERVE_PATH_ROOT, not looked into.

    Links are followed as long as they stay below the root.

    Raises:
        BadParameter: no path, or one that is too long for a file's.
        Forbidden: a path that leaves the root, or something that is not a file or may not be read.
        NotFound: no such file, or no root.
        TooLarge: more than MASKSERVE_MAX_BYTES.
    """
    if settings.path_root is None:
        raise NotFound("This service reads no files.")
    _check_length(path)
    # Two dots are refused as such: what they answered could tell which folders there are above the root.
    if ".." in path.split("/"):
        raise Forbidden("The path leaves the folder that the service reads from.")
    root = os.path.realpath(settings.path_root)
    try:
        resolved = os.path.realpath(os.path.join(root, path))
    except ValueError:  # a NUL
        raise BadParameter("The path cannot be read.") from None
    except OSError:  # a link that is replaced right now
        raise _unreadable() from None
    below = os.path.relpath(resolved, root)
    if os.path.commonpath([root, resolved]) != root:
        raise Forbidden("The path leaves the folder that the service reads from.")
    try:
        file = _open_below(root, below)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound("There is no such file.") from None
    except OSError:
        raise _unreadable() from None
    try:
        return _read(file, settings.max_bytes)
    finally:
        os.close(file)


def _check_length(path: str) -> None:
    """Raise BadParameter for a path that no file can have."""
    if len(path) > _LONGEST_PATH:  # in characters: encoding megabytes of them takes time too
        raise _too_long()
    try:
        encoded = os.fsencode(path)
    except ValueError:  # half of a surrogate pair
        raise BadParameter("The path cannot be read.") from None
    if len(encoded) > _LONGEST_PATH or any(len(name) > _LONGEST_NAME for name in encoded.split(b"/")):
        raise _too_long()


def _too_long() -> BadParameter:
    return BadParameter(
        f"The path is too long: it may have {_LONGEST_PATH:,} bytes, and each name in it {_LONGEST_NAME}."
    )


def _open_below(root: str, below: str) -> int:
    """A descriptor of `below`, in which no link is left: step by step, so that none can be put there now."""
    *folders, name = below.split("/")
    folder = os.open(root, _FLAGS | os.O_DIRECTORY)
    try:
        for step in folders:
            inner = os.open(step, _FLAGS | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Without waiting, or a named pipe would keep the request until somebody writes to it.
        return os.open(name, _FLAGS | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=folder)
    finally:
        os.close(folder)


def _read(file: int, max_bytes: int) -> bytes:
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise Forbidden("The path leads to something other than a file.")
    if found.st_size > max_bytes:
        raise TooLarge.in_bytes(max_bytes)
    with open(file, "rb", closefd=False) as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:  # it has grown
        raise TooLarge.in_bytes(max_bytes)
    return data


def _unreadable() -> Forbidden:
    return Forbidden("The path leads to nothing that the service may read.")
