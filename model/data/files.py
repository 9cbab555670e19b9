"""The files of a folder of images: pictures, maps of numbers, kinds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from model import pictures
from model.data.sample import DataError


def read_image(path: Path) -> npt.NDArray[np.uint8]:
    """uint8 (H, W, 3), RGB; DataError if it cannot be read."""
    try:
        return pictures.read(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{short(path)} cannot be read: {error}") from error


def read_numbers(path: Path, thing: str, things: str) -> npt.NDArray[np.uint16]:
    """uint16 (H, W): a label map, each pixel the number of its `thing` (many: `things`).

    Raises:
        DataError: it cannot be read, is not grey, or holds numbers that are none of 0…65535.
    """
    try:
        # Not cv2, which turns the numbers of a label map saved with a palette into colours.
        with Image.open(path) as picture:
            labels = np.asarray(picture)
    except (OSError, SyntaxError) as error:  # SyntaxError is how Pillow reports a broken PNG chunk
        raise DataError(f"{short(path)} cannot be read: {error}") from error
    if labels.ndim != 2:
        raise DataError(
            f"{short(path)} has {labels.shape[2]} channels: a label map is grey, each pixel the "
            f"number of its {thing}"
        )
    with np.errstate(invalid="ignore"):  # of NaN
        numbers = labels.astype(np.uint16)
    if not np.array_equal(numbers, labels):
        raise DataError(
            f"{short(path)} holds values from {labels.min()} to {labels.max()}: a label map has "
            f"whole numbers from 0 (background) to 65535; number its {things} anew from 1"
        )
    return numbers


def listed(folder: Path) -> list[Path]:
    """The files of `folder` by name; hidden ones (.DS_Store) are not images."""
    files = sorted(file for file in folder.glob("[!.]*") if file.is_file())
    if not files:
        raise DataError(f"{folder} holds no images")
    return files


def read_kinds(path: Path) -> dict[str, str]:
    """ID → kind, of a kind.json; nothing where there is none."""
    if not path.exists():
        return {}
    try:
        kind_by_id = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(kind_by_id, dict):
        raise DataError(f"{path} must hold an object of ID: kind, not a {type(kind_by_id).__name__}")
    return kind_by_id


def short(path: Path) -> str:
    """The file and its folder, for messages."""
    return f"{path.parent.name}/{path.name}"
