"""Data sets to train on and to measure with: an image and its objects at a time, from a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model.data.checks import check_objects, check_sizes
from model.data.class_maps import ClassMapFolder
from model.data.coco import CocoFolder, instances_files
from model.data.folder import LabelMapFolder
from model.data.pictures import PictureFolder
from model.data.sample import DataError, DataSet, Sample
from model.data.subset import Subset, evenly_spaced

__all__ = [
    "ClassMapFolder",
    "CocoFolder",
    "DataError",
    "DataSet",
    "LabelMapFolder",
    "PictureFolder",
    "Sample",
    "Subset",
    "check_objects",
    "check_sizes",
    "evenly_spaced",
    "open_data",
    "open_data_for",
]

ARCHIVE_SUFFIXES = {".tar", ".tgz", ".gz", ".bz2", ".xz", ".zip"}
ENTRIES_SHOWN = 8


def open_data(path: str | Path) -> LabelMapFolder | ClassMapFolder | CocoFolder:
    """The data set at `path`: a folder of label maps or class maps, a COCO folder, or a COCO instances JSON.

    Raises:
        DataError: `path` is none of these; says what was expected and what is there.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist: name a folder of images with their masks")
    if path.is_file():
        if path.suffix.lower() in ARCHIVE_SUFFIXES:
            raise DataError(f"{path} is an archive: unpack it first, then name the folder")
        return CocoFolder(path)
    if (path / "images").is_dir() and (path / "labels").is_dir():
        return LabelMapFolder(path)
    if (path / "images").is_dir() and (path / "masks").is_dir():
        return ClassMapFolder(path)
    if instances_files(path):
        return CocoFolder(path)
    raise DataError(
        f"{path} holds no data set: expected images/ and labels/ (a 16-bit label map for each image), "
        "images/ and masks/ (a class a pixel), "
        f"or a COCO JSON in annotations/ or beside the images; found {_listing(path)}"
    )


def open_data_for(path: str | Path, classes: Sequence[str]) -> LabelMapFolder | ClassMapFolder | CocoFolder:
    """The data set at `path`, whose classes are those of a model, the background first.

    Raises:
        DataError: as `open_data`, or its classes are others.
    """
    data = open_data(path)
    if isinstance(data, ClassMapFolder) and not data.has_names:
        return ClassMapFolder(Path(path), list(classes))
    if list(data.classes) != list(classes):
        raise DataError(
            f"the model knows {', '.join(classes[1:])}; the data has {', '.join(data.classes[1:])}: "
            "they must be the same, in the same order"
        )
    return data


def _listing(folder: Path) -> str:
    names = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
    if not names:
        return "nothing"
    more = f" and {len(names) - ENTRIES_SHOWN} more" if len(names) > ENTRIES_SHOWN else ""
    return ", ".join(names[:ENTRIES_SHOWN]) + more
