"""Atomic folders: filled beside their destination, then moved there in one step."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.files.system_errors import FULL, free_bytes, in_words, megabytes

WORKSHOP = ".making-"
"""Name prefix of temporary folders in which new folders are filled; one that is not locked was left behind by
a process that was killed."""
ASIDE = ".replaced-"
"""Name prefix of the old folder during replacement in two steps, if the two folders cannot be exchanged."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h
_CANNOT_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


@contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
    """Yield a folder to fill, which then replaces `place`; if an exception is raised, the folder is deleted.

    However and whenever the process ends, a previous folder at `place` is either replaced or left unchanged.
    Temporary folders left behind by killed processes are deleted by the next call.

    Raises:
        OSError: the disk is full; the message says how much is free.
    """
    root = place.parent
    root.mkdir(parents=True, exist_ok=True)
    with _room_in(root, place.name), _workshop(root) as workshop:
        folder = workshop / place.name
        folder.mkdir()
        yield folder
        if not place.exists():
            os.rename(folder, place)
            return
        try:
            _exchange(folder, place)  # the old folder is deleted with the temporary one
        except OSError as error:
            if error.errno not in _CANNOT_EXCHANGE:
                raise
            _replace_in_two_steps(folder, place)


def put_back(root: Path) -> None:
    """Restore folders in `root` that a process was replacing in two steps when it was killed."""
    for place in _replaced(root):
        with contextlib.suppress(OSError), _alone(root):
            _settle(place)


@contextmanager
def _room_in(root: Path, name: str) -> Iterator[None]:
    """Raise an OSError with a readable message if `name` does not fit on the disk of `root`."""
    try:
        yield
    except OSError as error:
        place = error.filename2 or error.filename or root  # what h5py, say, does not tell
        if error.errno not in FULL or not Path(os.fsdecode(place)).is_relative_to(root):
            raise
        free = megabytes(free_bytes(root))
        raise OSError(
            f"{in_words(error, root)}. {name} needs more than the {free} that are free there; nothing was "
            "left behind"
        ) from error


def _exchange(one: Path, other: Path) -> None:
    """Exchange two folders in one step. Raises OSError if the system or the disk does not support this."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:  # not Linux, or a C library from before 2018
        raise OSError(errno.ENOSYS, "this system cannot exchange two folders") from None
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(one), None, str(other))


def _replace_in_two_steps(folder: Path, place: Path) -> None:
    with _alone(place.parent):
        try:
            os.rename(place, place.with_name(ASIDE + place.name))
            os.rename(folder, place)
        finally:
            _settle(place)


def _settle(place: Path) -> None:
    """Move the old folder back if no new one has replaced it; otherwise delete it."""
    aside = place.with_name(ASIDE + place.name)
    if place.exists():
        shutil.rmtree(aside, ignore_errors=True)
    elif aside.exists():
        os.rename(aside, place)


@contextmanager
def _workshop(root: Path) -> Iterator[Path]:
    """Yield a temporary folder in `root`, which is locked while it is in use and deleted afterwards."""
    with contextlib.ExitStack() as stack:
        with _alone(root):  # otherwise, another process could delete the folder before it is locked
            _clear(root)
            path = stack.enter_context(tempfile.TemporaryDirectory(prefix=WORKSHOP, dir=root))
            stack.enter_context(_alone(Path(path)))
        yield Path(path)


def _clear(root: Path) -> None:
    """Delete the temporary folders of killed processes, and restore or delete what they were replacing."""
    for place in _replaced(root):
        _settle(place)
    for workshop in root.glob(f"{WORKSHOP}*"):
        with contextlib.suppress(OSError):  # a locked folder is in use
            descriptor = os.open(workshop, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(workshop, ignore_errors=True)
            finally:
                os.close(descriptor)


def _replaced(root: Path) -> list[Path]:
    """Return the destinations of folders that were moved aside."""
    return [root / aside.name.removeprefix(ASIDE) for aside in root.glob(f"{ASIDE}*")]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; it is released when the process ends. Without lock support, do nothing."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
