"""The files of a data folder: pictures, label maps and class maps, class names, kinds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import ExifTags, Image

from model.data.class_names import ClassFile, read_class_file
from model.data.sample import DataError, check_classes
from model.pictures import Header, turned
from model.pictures.opening import orientation_of

MAP_SUFFIXES = (".png", ".tif", ".tiff", ".bmp")
"""Of label maps and class maps. Not JPEG, whose compression changes the numbers."""
NAMES_SHOWN = 50
_LEFT_BY_SYSTEMS = {"thumbs.db", "desktop.ini", "icon\r"}
_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def listed(folder: Path) -> list[Path]:
    """The files of `folder` by name, except those that operating systems create (.DS_Store, Thumbs.db).

    Raises:
        DataError: the folder has no files.
    """
    files = sorted(file for file in folder.iterdir() if file.is_file() and not is_left_by_system(file))
    if not files:
        raise DataError(f"{folder} holds no images")
    return files


def is_left_by_system(path: Path) -> bool:
    """Whether an operating system created the file or folder."""
    return path.name.startswith(".") or path.name == "__MACOSX" or path.name.lower() in _LEFT_BY_SYSTEMS


def shown(names: Sequence[object]) -> str:
    """The names for a message, the first fifty, and the number of the others."""
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(map(str, names[:NAMES_SHOWN])) + more


def read_numbers(path: Path, thing: str, things: str) -> npt.NDArray[np.uint16]:
    """uint16 (H, W): a label map, each pixel the number of its `thing` (plural: `things`).

    The map's own EXIF orientation, which few maps have, is applied.

    Raises:
        DataError: the file cannot be read, is not grey, or holds values other than 0…65535.
    """
    labels = read_pixels(path)
    if labels.ndim != 2:
        hint = "; JPEG compression changes the numbers" if path.suffix.lower() in (".jpg", ".jpeg") else ""
        raise DataError(
            f"{short(path)} has {labels.shape[2]} channels: a label map must be grey, each pixel the "
            f"number of its {thing}{hint}"
        )
    with np.errstate(invalid="ignore"):  # of NaN
        numbers = labels.astype(np.uint16)
    if not np.array_equal(numbers, labels):
        raise DataError(
            f"{short(path)} has values from {labels.min()} to {labels.max()}: a label map must have whole "
            f"numbers from 0 (background) to 65535; renumber its {things} from 1"
        )
    return numbers


def values_in(numbers: npt.NDArray[np.uint16]) -> list[int]:
    """The values that occur, in order; several times as fast as np.unique."""
    return np.flatnonzero(np.bincount(numbers.ravel())).tolist()


def read_pixels(path: Path) -> npt.NDArray[Any]:
    """(H, W) or (H, W, channels): the numbers in a picture file, in their own type, not scaled.

    Raises:
        DataError: the file cannot be read, or has several pages.
    """
    try:
        if _is_tiff(path):
            # Not Pillow, which supports few of the data types that a TIFF can have.
            pixels, orientation = _tiff_pixels(path)
        else:
            # Not cv2, which converts the numbers of a label map with a palette to colours.
            with Image.open(path) as picture:
                orientation = orientation_of(picture)
                pixels = np.asarray(picture)
    except DataError:
        raise
    except Exception as error:  # Pillow and tifffile raise nearly any exception for damaged files
        raise DataError(f"{short(path)} cannot be read: {error}") from error
    if pixels.dtype == np.bool_:
        pixels = pixels.view(np.uint8)
    return turned(pixels, orientation)


def map_header(path: Path) -> Header:
    """Size and orientation of a label map or class map, from its header; DataError if it cannot be read."""
    try:
        if _is_tiff(path):
            with tifffile.TiffFile(path) as file:
                page = file.pages.first
                return Header((page.imagewidth, page.imagelength), _orientation_of(page))
        with Image.open(path) as picture:
            return Header(picture.size, orientation_of(picture))
    except Exception as error:
        raise DataError(f"{short(path)} cannot be read: {error}") from error


def _is_tiff(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) in _TIFF_SIGNATURES


def _tiff_pixels(path: Path) -> tuple[npt.NDArray[Any], int]:
    with tifffile.TiffFile(path) as file:
        if len(file.pages) > 1:
            raise DataError(
                f"{short(path)} has {len(file.pages)} pages, a label map must have one: save each as a file"
            )
        pixels = file.pages.first.asarray()
        is_flat = pixels.ndim == 3 and pixels.shape[2] == 1
        return (pixels[..., 0] if is_flat else pixels), _orientation_of(file.pages.first)


def _orientation_of(page: Any) -> int:
    tag = page.tags.get(ExifTags.Base.Orientation)
    return int(tag.value) if tag and tag.value in range(1, 9) else 1


def read_names(path: Path) -> list[str]:
    """The class names in a text file, one per line, without the background; none if there is no file.

    Raises:
        DataError: the file is not text, or names occur twice.
    """
    return _class_file(path).names if path.is_file() else []


def read_numbered_names(path: Path) -> list[str]:
    """As `read_names`, for a file whose line numbers are the class ids.

    Raises:
        DataError: also if the background is not the first line, since the class ids would be ambiguous.
    """
    if not path.is_file():
        return []
    named = _class_file(path)
    if named.background:
        raise DataError(
            f"{path} lists the background after a class: put it on the first line, which is class 0, or "
            "leave it out"
        )
    return named.names


def _class_file(path: Path) -> ClassFile:
    try:
        named = read_class_file(path)
    except ValueError as error:
        raise DataError(f"{error} (in {path.parent})") from error
    if named.sentence:  # not guessed: a trained model keeps its class names for good
        raise DataError(f"{named.sentence} (in {path.parent})")
    check_classes(named.names, f"the lines of {path}")
    return named


def read_kinds(path: Path) -> dict[str, str]:
    """ID → kind, from a kind.json; empty if there is no file."""
    if not path.exists():
        return {}
    try:
        kind_by_id = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}") from error
    if not isinstance(kind_by_id, dict):
        raise DataError(f"{path} must be a JSON object of ID: kind, not a {type(kind_by_id).__name__}")
    return kind_by_id


def short(path: Path) -> str:
    """The names of the file and its folder, for messages."""
    return f"{path.parent.name}/{path.name}"
