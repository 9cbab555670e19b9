"""The files of a folder of images: pictures, maps of numbers, names, kinds."""

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
"""Of files whose pixels are numbers; a JPEG changes them."""
_LEFT_BY_SYSTEMS = {"thumbs.db", "desktop.ini", "icon\r"}
_TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def listed(folder: Path) -> list[Path]:
    """The files of `folder` by name, without what operating systems leave (.DS_Store, ._a.jpg, Thumbs.db).

    Raises:
        DataError: there are none.
    """
    files = sorted(file for file in folder.iterdir() if file.is_file() and not is_left_by_system(file))
    if not files:
        raise DataError(f"{folder} holds no images")
    return files


def is_left_by_system(path: Path) -> bool:
    """Whether an operating system made the file or folder by itself."""
    return path.name.startswith(".") or path.name == "__MACOSX" or path.name.lower() in _LEFT_BY_SYSTEMS


def map_beside(image: Path, folder: Path) -> Path:
    """The map of numbers of an image, by the image's name; the PNG where there is none."""
    candidates = [folder / f"{image.stem}{suffix}" for suffix in MAP_SUFFIXES]
    return next((path for path in candidates if path.is_file()), candidates[0])


def check_maps(root: Path, images: Sequence[Path], maps: Sequence[Path], thing: str) -> None:
    """See to it that every image has its map.

    Raises:
        DataError: names the first that has none, and what lies in its place.
    """
    lacking = [(image, path) for image, path in zip(images, maps, strict=True) if not path.is_file()]
    if not lacking:
        return
    image, path = lacking[0]
    others = sorted(file for file in path.parent.iterdir() if file.name.startswith(image.stem))
    found = f"; there is {path.parent.name}/{others[0].name}" if others else ""
    more = f"; {len(lacking) - 1:,} more of {len(images):,} images have none" if len(lacking) > 1 else ""
    raise DataError(
        f"images/{image.name} has no {path.parent.name}/{path.name} (nor .tif) in {root}, its {thing}"
        f"{found}{more}"
    )


def read_numbers(path: Path, thing: str, things: str) -> npt.NDArray[np.uint16]:
    """uint16 (H, W): a label map, each pixel the number of its `thing` (many: `things`).

    It stands as its own EXIF orientation says, which few have.

    Raises:
        DataError: it cannot be read, is not grey, or holds numbers that are none of 0…65535.
    """
    labels = read_pixels(path)
    if labels.ndim != 2:
        hint = "; a JPEG changes them" if path.suffix.lower() in (".jpg", ".jpeg") else ""
        raise DataError(
            f"{short(path)} has {labels.shape[2]} channels: a label map is grey, each pixel the "
            f"number of its {thing}{hint}"
        )
    with np.errstate(invalid="ignore"):  # of NaN
        numbers = labels.astype(np.uint16)
    if not np.array_equal(numbers, labels):
        raise DataError(
            f"{short(path)} holds values from {labels.min()} to {labels.max()}: a label map has "
            f"whole numbers from 0 (background) to 65535; number its {things} anew from 1"
        )
    return numbers


def values_in(numbers: npt.NDArray[np.uint16]) -> list[int]:
    """The values that occur, in order; several times as fast as np.unique."""
    return np.flatnonzero(np.bincount(numbers.ravel())).tolist()


def read_pixels(path: Path) -> npt.NDArray[Any]:
    """(H, W) or (H, W, channels): the numbers in a picture file, whatever their type; not stretched.

    Raises:
        DataError: it cannot be read, or has several pages.
    """
    try:
        if _is_tiff(path):
            # Not Pillow, which knows few of the types of numbers that a TIFF can have.
            pixels, orientation = _tiff_pixels(path)
        else:
            # Not cv2, which turns the numbers of a label map saved with a palette into colours.
            with Image.open(path) as picture:
                orientation = orientation_of(picture)
                pixels = np.asarray(picture)
    except DataError:
        raise
    except Exception as error:  # hostile or broken files make Pillow and tifffile raise nearly anything
        raise DataError(f"{short(path)} cannot be read: {error}") from error
    if pixels.dtype == np.bool_:
        pixels = pixels.view(np.uint8)
    return turned(pixels, orientation)


def map_header(path: Path) -> Header:
    """Size and orientation of a map of numbers, from the header of its file; DataError if it has none."""
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
                f"{short(path)} has {len(file.pages)} pages: a label map has one; save each page as a file"
            )
        pixels = file.pages.first.asarray()
        is_flat = pixels.ndim == 3 and pixels.shape[2] == 1
        return (pixels[..., 0] if is_flat else pixels), _orientation_of(file.pages.first)


def _orientation_of(page: Any) -> int:
    tag = page.tags.get(ExifTags.Base.Orientation)
    return int(tag.value) if tag and tag.value in range(1, 9) else 1


def read_names(path: Path) -> list[str]:
    """The class names in a text file, one a line, without the background; none where there is no file.

    Raises:
        DataError: the file is no text, or its names cannot be told apart.
    """
    return _class_file(path).names if path.is_file() else []


def read_numbered_names(path: Path) -> list[str]:
    """As `read_names`, of a file whose lines say which number a class has.

    Raises:
        DataError: also where the background stands among the classes, so that their numbers are in doubt.
    """
    if not path.is_file():
        return []
    named = _class_file(path)
    if named.background:
        raise DataError(
            f"the lines of {path} name the background among the classes: put it first, where it has the "
            "number 0, or leave it out"
        )
    return named.names


def _class_file(path: Path) -> ClassFile:
    try:
        named = read_class_file(path)
    except ValueError as error:
        raise DataError(f"{error} (in {path.parent})") from error
    if named.sentence:  # what is learned under a name that was guessed keeps it for good
        raise DataError(f"{named.sentence} (in {path.parent})")
    check_classes(named.names, f"the lines of {path}")
    return named


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
