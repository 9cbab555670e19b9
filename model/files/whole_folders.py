"""Folders that appear whole: filled beside their place, which they take in one step."""

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
"""How folders begin in which others are filled; one that nobody holds locked was left behind by a kill."""
ASIDE = ".replaced-"
"""How the old folder is called while the new one takes its place, where the two cannot be exchanged."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2  # linux/fcntl.h, linux/fs.h
_CANNOT_EXCHANGE = (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP)


@contextmanager
def whole_folder(place: Path) -> Iterator[Path]:
    """A folder to fill, which then takes its `place`; if anything is raised meanwhile, it is deleted.

    Whatever ends the process, and whenever, a folder that stood there before stands there unchanged or has
    been replaced. What ended processes left beside it is deleted by the next call.

    Raises:
        OSError: the disk is full; says how much is free.
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
            _exchange(folder, place)  # the old one goes with the workshop
        except OSError as error:
            if error.errno not in _CANNOT_EXCHANGE:
                raise
            _replace_in_two_steps(folder, place)


def put_back(root: Path) -> None:
    """Put back the folders in `root` that a process was replacing in two steps when it was killed."""
    for place in _replaced(root):
        with contextlib.suppress(OSError), _alone(root):
            _settle(place)


@contextmanager
def _room_in(root: Path, name: str) -> Iterator[None]:
    """What is said where `name` does not fit on the disk of `root`."""
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
    """Let two folders change places in one step. Raises OSError where the system or the disk cannot."""
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
    """Put the old folder back where none has taken its place; otherwise delete it."""
    aside = place.with_name(ASIDE + place.name)
    if place.exists():
        shutil.rmtree(aside, ignore_errors=True)
    elif aside.exists():
        os.rename(aside, place)


@contextmanager
def _workshop(root: Path) -> Iterator[Path]:
    """A new folder in `root`, locked as long as it is used and deleted afterwards."""
    with contextlib.ExitStack() as stack:
        with _alone(root):  # or another process could delete it before it is locked
            _clear(root)
            path = stack.enter_context(tempfile.TemporaryDirectory(prefix=WORKSHOP, dir=root))
            stack.enter_context(_alone(Path(path)))
        yield Path(path)


def _clear(root: Path) -> None:
    """Delete the workshops of processes that were killed, and settle what they were replacing."""
    for place in _replaced(root):
        _settle(place)
    for workshop in root.glob(f"{WORKSHOP}*"):
        with contextlib.suppress(OSError):  # locked: in use
            descriptor = os.open(workshop, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(workshop, ignore_errors=True)
            finally:
                os.close(descriptor)


def _replaced(root: Path) -> list[Path]:
    """The places of folders that were moved aside."""
    return [root / aside.name.removeprefix(ASIDE) for aside in root.glob(f"{ASIDE}*")]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder, which a process loses when it ends; on a disk without locks, nothing."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
