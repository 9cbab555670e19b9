"""Log folders: NAME and the minute at which training began, with a weight file for each epoch."""

from __future__ import annotations

import datetime
import errno
import os
import re

FOLDER_TIME = "%Y%m%dT%H%M"
WEIGHT_FILE = re.compile(r".*[/\\][\w-]+(?P<time>\d{8}T\d{4})[/\\]mask_rcnn_[\w-]+(?P<epoch>\d{4})\.h5")
"""The path of a weight file in such a folder."""


def folder_and_epoch(model_dir: str, name: str | None, weights: str | None = None) -> tuple[str, int]:
    """The log folder and the number of epochs done.

    Args:
        model_dir: where log folders lie.
        name: NAME of the settings.
        weights: path of a weight file; if it lies in a log folder, its time and epoch are kept. Otherwise,
            a new folder begins with epoch 0.
    """
    found = WEIGHT_FILE.match(os.fspath(weights)) if weights else None
    try:
        began = datetime.datetime.strptime(found["time"], FOLDER_TIME) if found else datetime.datetime.now()
    except ValueError:  # digits that are no date
        found, began = None, datetime.datetime.now()
    folder = os.path.join(os.fspath(model_dir), f"{_lower(name)}{began:{FOLDER_TIME}}")
    return folder, int(found["epoch"]) if found else 0


def checkpoint_path(log_dir: str, name: str | None) -> str:
    """The path of an epoch's weight file, with "{epoch:04d}" for the epoch, counted from 1."""
    return os.path.join(log_dir, f"mask_rcnn_{_lower(name)}_{{epoch:04d}}.h5")


def find_last(model_dir: str, name: str | None) -> str:
    """The last weight file in the newest log folder of that name.

    Raises:
        FileNotFoundError: there is none.
    """
    begins = _lower(name)
    folders = sorted(found for found in _entries(model_dir, os.DirEntry.is_dir) if found.startswith(begins))
    if not folders:
        raise FileNotFoundError(
            errno.ENOENT,
            f"no log folder begins with {begins!r} (NAME in small letters); looked in",
            model_dir,
        )
    folder = os.path.join(model_dir, folders[-1])
    files = sorted(found for found in _entries(folder, os.DirEntry.is_file) if found.startswith("mask_rcnn"))
    if not files:
        raise FileNotFoundError(
            errno.ENOENT,
            "the newest log folder has no weight file: training ended before its first epoch did. Delete",
            folder,
        )
    return os.path.join(folder, files[-1])


def _entries(folder: str, of_kind: object) -> list[str]:
    if not os.path.isdir(folder):
        return []
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if of_kind(entry)]  # type: ignore[operator]


def _lower(name: str | None) -> str:
    if not name:
        raise ValueError("the settings have no NAME, which begins the names of logs: set NAME in your Config")
    return name.lower()
