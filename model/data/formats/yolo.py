"""YOLO segmentation, as Ultralytics and many tools write it: a text file for each picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence, Set
from itertools import repeat
from pathlib import Path

from model.data.files import is_left_by_system
from model.data.findings import Finding, counted
from model.data.formats.data_format import DataFormat
from model.data.formats.place import Place
from model.data.formats.yolo_layout import (
    LABELS,
    YAML_SUFFIXES,
    image_folders,
    label_files,
    label_folder,
    named_folders,
    names_file,
)
from model.data.formats.yolo_text import YoloShape, is_label_text, names_in, shapes_in
from model.data.gathering import Problems, gathering
from model.data.labelled import Labelled, LabelledPicture, LabelledShapes
from model.data.naming import only_class
from model.data.pictures import SUFFIXES
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError
from model.data.shapes import Fractions
from model.data.sources import PictureFile

FILES_LOOKED_AT = 5


class YoloFolder(LabelledShapes):
    """Pictures in images/, and for each a text file in labels/ with the objects' polygons.

    A picture without a text file, or with an empty one, has no object. Class names are those of a data.yaml
    or classes.txt in the folder or above it.
    """

    format_name = "YOLO"

    def __init__(self, place: Place | str | Path, reading: Reading = NO_CHOICE) -> None:
        """Reads the text files and checks them; decodes no image.

        Args:
            place: a folder with images/ and labels/, one split of such a folder (`DIR/images/train` or
                `DIR/train`), or a data.yaml or its folder, if there is only one split.
            reading: the classes if the data do not name them, or their order; and how to read photos.

        Raises:
            DataError: there are several splits, labels are not polygons, or classes have no name.
        """
        place = Place.at(place)
        folder = _the_folder(place)
        pictures = _pictures(folder)
        labels = label_files(folder)
        if not labels:
            raise DataError(
                f"{folder} has pictures, but {label_folder(folder)} has no text file with labels: "
                "export them as YOLO segmentation"
            )
        file_of = {
            path: label_folder(folder) / path.relative_to(folder).with_suffix(".txt") for path in pictures
        }
        expected = set(file_of.values())
        named = names_file(place.path, folder)
        with gathering(self) as problems:
            _check_unique(file_of, folder, problems)
            shapes_of = {path: _shapes(file, problems) for path, file in file_of.items()}
            _check_outlines([shape for shapes in shapes_of.values() for shape in shapes])
            numbered = names_in(named) if named else {}
            assumed: list[Finding] = []
            if not numbered:
                used = {shape.number for shapes in shapes_of.values() for shape in shapes}
                numbered, assumed = _without_names(used, folder.parent, reading)
            super().__init__(
                place.path,
                [
                    LabelledPicture(
                        path.relative_to(folder).with_suffix("").as_posix(),
                        PictureFile(path),
                        None,
                        problems.each(_labelled, shapes_of[path], repeat(numbered), repeat(named)),
                    )
                    for path in pictures
                ],
                reading,
                folder=folder.parent,
                described_in="its labels",
                listed=[numbered[number] for number in sorted(numbered)],
                notes=[
                    *assumed,
                    *counted(
                        [path.name for path, file in file_of.items() if not file.is_file()],
                        "picture has no label file",
                        "pictures have no label file",
                    ),
                    *counted(
                        [path.name for path in labels if path not in expected],
                        "label file has no picture and is ignored",
                        "label files have no picture and are ignored",
                    ),
                ],
            )
            self.has_names = not assumed or bool(reading.classes)


def _the_folder(place: Place) -> Path:
    """The folder of the pictures; DataError if there are several or none."""
    folders = image_folders(place.path) or named_folders(place.path)
    if len(folders) == 1:
        return folders[0]
    if not folders:
        raise DataError(
            f"{place.path} has no pictures: expected images/ (or images/train/ …) and {LABELS}/ with a text "
            "file of the same name for each picture"
        )
    raise DataError(f"{place.path} has several splits: name one of {', '.join(map(str, folders))}")


def _pictures(folder: Path) -> list[Path]:
    """The pictures in a folder and the folders below it; DataError if there are none."""
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and path.is_file() and not is_left_by_system(path)
    )
    if not found:
        raise DataError(f"{folder} has no pictures: expected {', '.join(SUFFIXES)}")
    return found


def _shapes(file: Path, problems: Problems) -> list[YoloShape]:
    """The objects of a label file; none if there is no such file, or if it cannot be read."""
    files = [file] if file.is_file() else []
    return [shape for shapes in problems.each(shapes_in, files, [problems]) for shape in shapes]


def _check_unique(file_of: dict[Path, Path], folder: Path, problems: Problems) -> None:
    pictures_of = defaultdict(list)
    for path, file in file_of.items():
        pictures_of[file].append(path.name)
    for file, names in pictures_of.items():
        if len(names) > 1:
            problems.add(
                DataError(
                    f"{folder} has {' and '.join(names)}, which share the label file {file.name}: give each "
                    "picture a name of its own"
                )
            )


def _check_outlines(shapes: Sequence[YoloShape]) -> None:
    boxes = [shape for shape in shapes if shape.is_box]
    if boxes:
        raise DataError(
            f"{boxes[0].where} has five numbers, the class and a box, and so have {len(boxes):,} of "
            f"{len(shapes):,} lines: no outline is given, and boxes are not enough to learn masks. Expected "
            "the class and the corners of a polygon, x y x y … in fractions of the width and height: export "
            "as YOLO segmentation, or draw outlines"
        )


def _without_names(used: Set[int], folder: Path, reading: Reading) -> tuple[dict[int, str], list[Finding]]:
    """The names of classes that the data only number, and findings if they are assumed."""
    if reading.classes and len(reading.classes) > 2:
        return dict(enumerate(reading.classes[1:])), []
    if used - {0}:
        raise DataError(
            f"{folder} has labels of the classes {', '.join(map(str, sorted(used)))}, but no data.yaml or "
            "classes.txt that names them: write a classes.txt there, one name per line, that of class 0 first"
        )
    name, assumed = only_class(folder, reading)
    return {0: name}, assumed


def _labelled(shape: YoloShape, names: dict[int, str], named: Path | None) -> Labelled:
    """`named` is the file with the names of the classes."""
    if shape.number not in names:
        raise DataError(
            f"{shape.where} has the class {shape.number}, but {named or 'the model'} names "
            f"{', '.join(f'{number} {name}' for number, name in sorted(names.items()))}: name each class, "
            "the first one is 0"
        )
    return Labelled(names[shape.number], "polygon", Fractions(shape.outline), f"line {shape.line}")


def _recognises(place: Place) -> bool:
    if place.path.is_file() and place.path.suffix.lower() not in YAML_SUFFIXES:
        return False
    folders = image_folders(place.path)
    if len(folders) == 1 or names_file(place.path):
        looked_at = [file for folder in folders for file in label_files(folder)[:FILES_LOOKED_AT]]
        if any(map(is_label_text, looked_at)):
            return True
    return bool(named_folders(place.path))


FORMAT = DataFormat(
    YoloFolder.format_name,
    "images/, labels/ (a text file of YOLO's polygons for each image) and a data.yaml or classes.txt",
    _recognises,
    YoloFolder,
)
