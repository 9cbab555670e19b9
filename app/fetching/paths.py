"""Paths: reads image files below MASKSERVE_PATH_ROOT, and nothing outside it."""

from __future__ import annotations

import os
import stat

from app.configuration.settings import Settings
from app.errors import BadParameter, Forbidden, NotFound, TooLarge

_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW

# Linux's limits. The time to resolve a path grows with the square of its length: seconds for a megabyte.
_LONGEST_PATH, _LONGEST_NAME = 4095, 255  # bytes


def read_path(path: str, settings: Settings) -> bytes:
    """The image file at `path`, absolute or relative to MASKSERVE_PATH_ROOT; its content is not checked.

    Links are followed as long as they stay below the root.

    Raises:
        BadParameter: not a path, or one that is too long for a file.
        Forbidden: the path leaves the root, or is not that of a regular, readable file.
        NotFound: there is no such file, or MASKSERVE_PATH_ROOT is not set.
        TooLarge: the file has more than MASKSERVE_MAX_BYTES.
    """
    if settings.path_root is None:
        raise NotFound("This service reads no files.")
    _check_length(path)
    # ".." is always refused: different answers could reveal which folders exist above the root.
    if ".." in path.split("/"):
        raise Forbidden("The path leaves the folder that the service reads from.")
    root = os.path.realpath(settings.path_root)
    try:
        resolved = os.path.realpath(os.path.join(root, path))
    except ValueError:  # a NUL
        raise BadParameter("The path has a character that no file name can have.") from None
    except OSError:  # a link that is being replaced
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
    if len(path) > _LONGEST_PATH:  # in characters, because encoding megabytes takes time, too
        raise _too_long()
    try:
        encoded = os.fsencode(path)
    except ValueError:  # half of a surrogate pair
        raise BadParameter("The path has a character that no file name can have.") from None
    if len(encoded) > _LONGEST_PATH or any(len(name) > _LONGEST_NAME for name in encoded.split(b"/")):
        raise _too_long()


def _too_long() -> BadParameter:
    return BadParameter(
        f"The path is too long: at most {_LONGEST_PATH:,} bytes, and {_LONGEST_NAME} for each name in it."
    )


def _open_below(root: str, below: str) -> int:
    """A descriptor of `below`, whose links are resolved. Opened folder by folder, so that no link that is
    created meanwhile is followed."""
    *folders, name = below.split("/")
    folder = os.open(root, _FLAGS | os.O_DIRECTORY)
    try:
        for step in folders:
            inner = os.open(step, _FLAGS | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        # Non-blocking, because opening a named pipe would block until somebody writes to it.
        return os.open(name, _FLAGS | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=folder)
    finally:
        os.close(folder)


def _read(file: int, max_bytes: int) -> bytes:
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise Forbidden("The path is not that of a regular file.")
    if found.st_size > max_bytes:
        raise TooLarge.in_bytes(max_bytes)
    with open(file, "rb", closefd=False) as stream:
        data = stream.read(max_bytes + 1)
    if len(data) > max_bytes:  # it has grown meanwhile
        raise TooLarge.in_bytes(max_bytes)
    return data


def _unreadable() -> Forbidden:
    return Forbidden("The service cannot read this path.")
