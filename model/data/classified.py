"""Classified pictures: a folder for each class, for training and evaluation of classifiers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model import pictures
from model.data.class_names import BACKGROUND_NAMES, read_class_file
from model.data.files import is_left_by_system
from model.data.findings import Finding, counted, number_of
from model.data.formats.place import Place
from model.data.formats.registry import format_of
from model.data.formats.unread import what_it_is
from model.data.pictures import SUFFIXES
from model.data.sample import DataError
from model.data.sources import PictureFile
from model.data.splits import is_split
from model.files.system_errors import reason
from model.pictures import Header, PictureError

LAYOUT = "a folder for each class, with its pictures inside: cat/1.jpg, dog/1.jpg"
NAMES_SHOWN = 20


@dataclass(frozen=True)
class ClassifiedPicture:
    """One picture and its class.

    Attributes:
        id: the file's path below the data's folder, with slashes: "cat/1.jpg".
        image: uint8 (H, W, 3), RGB, with its EXIF orientation applied.
        class_id: index into the data's classes, from 0; there is no background.
    """

    id: str
    image: npt.NDArray[np.uint8]
    class_id: int


class ClassifiedFolder:
    """Pictures in a folder for each class. Each is decoded when it is accessed.

    Attributes:
        format_name: the name of the format.
        path: the folder.
        classes: class names by class id, from 0; without a background.
        ids: the pictures' ids: class by class, in each by name.
        class_ids: the class of each picture.
        sources: the location of each picture.
    """

    format_name = "class folders"

    def __init__(self, path: Path, classes: Sequence[str], files: Sequence[tuple[Path, int]]) -> None:
        """`files` has the path and the class id of each picture."""
        self.path = path
        self.classes = list(classes)
        self.ids = [file.relative_to(path).as_posix() for file, _ in files]
        self.class_ids = [class_id for _, class_id in files]
        self.sources = [PictureFile(file) for file, _ in files]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> ClassifiedPicture:
        """The picture at `index`; DataError if it cannot be read."""
        try:
            image = pictures.read(self.sources[index].path)
        except (OSError, ValueError) as error:
            raise DataError(f"{self.path / self.ids[index]} cannot be read: {reason(error)}") from error
        return ClassifiedPicture(self.ids[index], image, self.class_ids[index])

    def header(self, index: int) -> Header:
        """The header of the picture at `index`; OSError or PictureError if it cannot be read."""
        with self.sources[index].open() as file:
            return pictures.read_header(file)

    def findings(self) -> Iterator[Finding]:
        """Problems of the data, from the pictures' headers; about 0.2 ms per picture."""
        unreadable, rotated = [], []
        for index, id_ in enumerate(self.ids):
            try:
                if self.header(index).orientation != 1:
                    rotated.append(id_)
            except (OSError, PictureError) as error:
                unreadable.append(f"{id_} cannot be read: {reason(error)}")
        yield from counted(unreadable, "picture cannot be read", "pictures cannot be read", refused=True)
        yield from counted(
            rotated,
            "photo is stored rotated; its EXIF orientation is applied",
            "photos are stored rotated; their EXIF orientation is applied",
        )
        known = set(self.ids)
        spare = [
            name
            for folder in _folders(self.path)
            for file in _files_below(folder)
            if (name := file.relative_to(self.path).as_posix()) not in known
        ]
        yield from counted(
            spare,
            "file in the class folders is not a picture and is ignored",
            "files in the class folders are not pictures and are ignored",
        )
        there = set(self.class_ids)
        lacking = [name for class_id, name in enumerate(self.classes) if class_id not in there]
        yield from counted(lacking, "class has no picture", "classes have no picture")


def open_classified(path: Path, classes: Sequence[str] | None = None) -> ClassifiedFolder:
    """The classified pictures in `path`: each folder is a class, and all pictures below it are of this class.

    Args:
        path: the folder.
        classes: class names in the order of their ids, such as those of the training data. There may be
            classes without a folder, but no folder without a class. None: the names in classes.txt, each of
            which must have a folder; if there is none, the folders' names in alphabetical order.

    Raises:
        DataError: there is no such layout; the message says what was found and what to do.
    """
    path = Path(path)
    if not path.is_dir():
        problem = "is a file" if path.exists() else "does not exist"
        raise DataError(f"{path} {problem}: name a folder that has {LAYOUT}")
    folders = _folders(path)
    _check_layout(path, folders)
    problems = _pictures_in_wrong_places(path, folders)
    try:
        names = _names(path, [folder.name for folder in folders], classes)
    except DataError as error:
        problems.append(str(error))
    if problems:
        raise DataError("\n".join(problems))
    files = [
        (file, names.index(folder.name))
        for folder in sorted(folders, key=lambda folder: names.index(folder.name))
        for file in _pictures(folder)
    ]
    return ClassifiedFolder(path, names, files)


def is_classified(path: Path) -> bool:
    """Whether every folder in `path` has pictures, and they are neither splits nor data for segmentation."""
    if not path.is_dir():
        return False
    folders = _folders(path)
    is_one = len(folders) > 1 and not _splits(folders) and all(map(_has_picture, folders))
    place = Place(path)
    return is_one and format_of(place) is None and what_it_is(place) is None


def empty_classes(path: Path) -> list[str]:
    """The folders without a picture, if most folders in `path` have pictures; else none."""
    folders = _folders(path)
    empty = [folder.name for folder in folders if not _has_picture(folder)]
    return empty if 2 * len(empty) < len(folders) and not _splits(folders) else []


def _check_layout(path: Path, folders: Sequence[Path]) -> None:
    if splits := _splits(folders):
        raise DataError(
            f"{path} has the folders {_listed(splits)}, which are splits and not classes: name one of them, "
            f"for example {path / splits[0]}"
        )
    if other := format_of(Place(path)):
        raise DataError(
            f"{path} is in the format {other.name}, for segmentation: for classification expected {LAYOUT}"
        )
    if not folders:
        beside = _beside(path)
        found = f"{number_of(len(beside), 'picture', 'pictures')} without a class" if beside else "no folder"
        raise DataError(f"{path} has {found}: expected {LAYOUT}")


def _pictures_in_wrong_places(path: Path, folders: Sequence[Path]) -> list[str]:
    """Messages about pictures outside of the class folders, and about folders without any."""
    problems = []
    if beside := _beside(path):
        problems.append(
            f"{path} has pictures beside its class folders, {_listed(beside)}: move each into the folder of "
            "its class"
        )
    if empty := [folder.name for folder in folders if not _has_picture(folder)]:
        problems.append(
            f"{path} has class folders without a picture, {_listed(empty)}: add pictures "
            f"({', '.join(SUFFIXES)}), or remove the folders"
        )
    return problems


def _beside(path: Path) -> list[str]:
    return [file.name for file in sorted(path.iterdir()) if _is_picture(file)]


def _names(path: Path, found: Sequence[str], classes: Sequence[str] | None) -> list[str]:
    written = _written(path, found)
    names, whose = (list(classes), "the classes are") if classes else (written, "classes.txt names")
    if not names:
        if len(found) == 1:
            raise DataError(
                f"{path} has one class, {found[0]}: a classifier needs at least two. Add a folder for each "
                "other class"
            )
        return list(found)
    unknown = [name for name in found if name not in names]
    if unknown:
        raise DataError(
            f"{path} has the folders {_listed(unknown)}, but {whose} {_listed(names)}: rename or remove them"
        )
    lacking = [name for name in names if name not in found]
    if lacking and not classes:
        raise DataError(
            f"{path / 'classes.txt'} names {_listed(lacking)}, for which there is no folder: add one, or "
            "remove the name"
        )
    return names


def _written(path: Path, found: Sequence[str]) -> list[str]:
    """The names in classes.txt; none if there is no file. The background is a class like any other."""
    if not (path / "classes.txt").is_file():
        return []
    try:
        named = read_class_file(path / "classes.txt")
    except ValueError as error:
        raise DataError(f"{error} (in {path})") from error
    names = list(named.names)
    if named.background is not None:
        names.insert(
            named.background, next((n for n in found if n.lower() in BACKGROUND_NAMES), "background")
        )
    return names


def _folders(path: Path) -> list[Path]:
    """The folders in `path`, by name."""
    return sorted(entry for entry in path.iterdir() if entry.is_dir() and not is_left_by_system(entry))


def _splits(folders: Sequence[Path]) -> list[str]:
    """The names of the folders if all of them are names of splits."""
    are_splits = all(is_split(folder.name) for folder in folders)
    return [folder.name for folder in folders] if are_splits else []


def _pictures(folder: Path) -> list[Path]:
    return [file for file in _files_below(folder) if _is_picture(file)]


def _has_picture(folder: Path) -> bool:
    return any(map(_is_picture, _files_below(folder)))


def _files_below(folder: Path) -> list[Path]:
    """All files in a folder and in its folders, by path, as torchvision's ImageFolder finds them."""
    files = []
    for entry in sorted(folder.iterdir()):
        if is_left_by_system(entry):
            continue
        files += _files_below(entry) if entry.is_dir() else [entry]
    return files


def _is_picture(file: Path) -> bool:
    return file.is_file() and file.suffix.lower() in SUFFIXES and not is_left_by_system(file)


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
