"""Opening: opens the data set at a path, in any format of the registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from model.data.annotated import Annotated
from model.data.classified import LAYOUT, empty_classes, is_classified
from model.data.files import is_left_by_system
from model.data.formats.place import Place
from model.data.formats.registry import FORMATS, format_of
from model.data.formats.unread import what_it_is
from model.data.reading import NO_CHOICE, Reading
from model.data.sample import DataError

ARCHIVE_SUFFIXES = {".tar", ".tgz", ".gz", ".bz2", ".xz", ".zip", ".7z", ".rar"}
ENTRIES_SHOWN = 8


def open_data(path: str | Path, reading: Reading = NO_CHOICE) -> Annotated:
    """The data set at `path`, a folder or a file that describes one, in any format of the registry.

    Raises:
        DataError: `path` is in none of these formats; the message has the expected formats, and the content
            found or a tool that converts it.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"{path} does not exist: name a folder with images and masks")
    if path.is_file() and path.suffix.lower() in ARCHIVE_SUFFIXES:
        raise DataError(f"{path} is an archive: unpack it first, then name the folder")
    place = Place(path)
    data_format = format_of(place)
    if data_format is None:
        raise DataError(f"{path} {_what_else(place)}")
    if reading.class_attribute and not data_format.has_class_attribute:
        raise DataError(
            f"{path} is {data_format.name}, which has no region attributes: leave out --class-attribute"
        )
    return data_format.open(place, reading)


def open_data_for(path: str | Path, classes: Sequence[str], reading: Reading = NO_CHOICE) -> Annotated:
    """The data set at `path`, which must have the given classes of a model, the background first.

    Raises:
        DataError: as in `open_data`, or the data set has other classes.
    """
    data = open_data(path, replace(reading, classes=list(classes)))
    if data.classes != list(classes):
        raise DataError(
            f"the model has the classes {', '.join(classes[1:])}, the data {', '.join(data.classes[1:])}: "
            "they must be the same, in the same order"
        )
    return data


def is_data(path: str | Path) -> bool:
    """Whether the format of the data at `path` is recognised; does not check the files."""
    return format_of(Place(Path(path))) is not None


def _what_else(place: Place) -> str:
    """The message for a place that is in none of the supported formats."""
    layouts = "; ".join(one.layout for one in FORMATS)
    if told := what_it_is(place):
        return told
    if is_classified(place.path):
        return (
            "has a folder for each class, which is for classification (--task classify); for segmentation "
            f"expected {layouts}"
        )
    if place.path.is_file():
        place.document(place.path)  # raises if it is not JSON
        return f"is not a JSON of COCO, VIA, LabelMe or Label Studio: expected {layouts}"
    inside = [
        (entry, data_format)
        for entry in sorted(place.path.iterdir())
        if entry.is_dir() and not is_left_by_system(entry) and (data_format := format_of(Place(entry)))
    ]
    if inside:
        named = " and ".join(
            f"{entry.name}/ ({data_format.name})" for entry, data_format in inside[:ENTRIES_SHOWN]
        )
        return f"has data sets in {named}: name one of these folders"
    splits = [entry.name for entry in sorted(place.path.iterdir()) if is_classified(entry)]
    if splits:
        return f"has folders of classes in {' and '.join(splits[:ENTRIES_SHOWN])}: name one of these folders"
    unread = [
        (entry, told)
        for entry in sorted(place.path.iterdir())
        if entry.is_dir() and not is_left_by_system(entry) and (told := what_it_is(Place(entry)))
    ]
    if unread:
        return f"has no data set in a supported format; {unread[0][0].name}/ {unread[0][1]}"
    if empty := empty_classes(place.path):
        return (
            "seems to be for classification, but has class folders without a picture, "
            f"{', '.join(empty[:ENTRIES_SHOWN])}: add pictures, or remove the folders; for segmentation "
            f"expected {layouts}"
        )
    return f"has no data set: expected {layouts}; for classification, {LAYOUT}; found {_listing(place.path)}"


def _listing(folder: Path) -> str:
    names = sorted(entry.name + "/" * entry.is_dir() for entry in folder.iterdir())
    if not names:
        return "nothing"
    more = f" and {len(names) - ENTRIES_SHOWN} more" if len(names) > ENTRIES_SHOWN else ""
    return ", ".join(names[:ENTRIES_SHOWN]) + more
