"""Naming: class ids for formats whose objects have class names without numbers, such as VIA and LabelMe."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from model.data.files import read_names
from model.data.findings import Finding
from model.data.reading import Reading
from model.data.sample import DataError, check_classes

ONLY_CLASS = "object"
"""The class name if none is given."""


def classes_of(
    found: Collection[str], folder: Path, reading: Reading, source: str, listed: Sequence[str] = ()
) -> list[str]:
    """Class names in the order of their ids, the background first.

    Their order is that of `reading.classes`, else that of classes.txt or LabelMe's labels.txt in `folder`,
    else that of `listed`, else alphabetical.

    Args:
        found: the class names of the objects.
        folder: the folder that may have a file of names.
        reading: may have the class names.
        source: where the names were found, for messages.
        listed: the classes that the data list, which may have no object.

    Raises:
        DataError: an object has a class name that is not among those given, or no object has a class name.
    """
    if reading.classes:
        return _with_all_of(found, list(reading.classes), source, "the model, or --data, has")
    named = _names_in(folder)
    if named:
        return _with_all_of(
            found, ["background", *named], source, f"{folder.name}/classes.txt or labels.txt has"
        )
    names = [*listed, *sorted(set(found) - set(listed))]
    check_classes(names, source)
    return ["background", *names]


def _names_in(folder: Path) -> list[str]:
    if names := read_names(folder / "classes.txt"):
        return names
    # LabelMe's __ignore__ is not a class.
    return [name for name in read_names(folder / "labels.txt") if not name.startswith("_")]


def _with_all_of(found: Collection[str], classes: Sequence[str], source: str, whose: str) -> list[str]:
    others = sorted(set(found) - set(classes[1:]))
    if others:
        raise DataError(
            f"{source} have the classes {', '.join(others)}, but {whose} only {', '.join(classes[1:])}: "
            "rename or add classes"
        )
    return list(classes)


def only_class(folder: Path, reading: Reading) -> tuple[str, list[Finding]]:
    """The class of objects without a class name, and a finding if the class is assumed.

    It is the class in classes.txt in `folder`, else the only one of `reading.classes`, else "object".

    Raises:
        DataError: several classes are given.
    """
    named = _names_in(folder)
    wanted = named or list(reading.classes or ())[1:]
    if len(wanted) > 1:
        raise DataError(
            f"the objects in {folder} have no class, but there are {len(wanted)} classes, "
            f"{', '.join(wanted)}: give each object a class, or put the class of all of them into classes.txt"
        )
    name = wanted[0] if wanted else ONLY_CLASS
    assumed = f"the objects have no class: the class {name!r} is assumed; to change it, add a classes.txt"
    return name, [] if named else [Finding(assumed)]
