"""Naming: the classes of data whose objects carry names and no numbers, as in VIA and LabelMe."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from model.data.files import read_names
from model.data.findings import Finding
from model.data.reading import Reading
from model.data.sample import DataError, check_classes

ONLY_CLASS = "object"
"""The name of the class where nothing names it."""


def classes_of(found: Collection[str], folder: Path, reading: Reading, source: str) -> list[str]:
    """Class names, the background first, in the order of their numbers.

    That of `reading.classes`; else of classes.txt or labels.txt (LabelMe's) in `folder`; else the alphabet's.

    Args:
        found: the names that objects carry.
        folder: where a file with names may lie.
        reading: whether the names are known already.
        source: where the names were found, for messages.

    Raises:
        DataError: objects carry a name that is not among those given, or none at all.
    """
    if reading.classes:
        return _with_all_of(found, list(reading.classes), source, "the model, or --data, has")
    named = _names_in(folder)
    if named:
        return _with_all_of(
            found, ["background", *named], source, f"{folder.name}/classes.txt or labels.txt has"
        )
    names = sorted(found)
    check_classes(names, source)
    return ["background", *names]


def _names_in(folder: Path) -> list[str]:
    if names := read_names(folder / "classes.txt"):
        return names
    # LabelMe's __ignore__ is no class.
    return [name for name in read_names(folder / "labels.txt") if not name.startswith("_")]


def _with_all_of(found: Collection[str], classes: Sequence[str], source: str, whose: str) -> list[str]:
    others = sorted(set(found) - set(classes[1:]))
    if others:
        raise DataError(
            f"{source} name {', '.join(others)}, but {whose} {', '.join(classes[1:])}: rename the one or add "
            "to the other"
        )
    return list(classes)


def only_class(folder: Path, reading: Reading) -> tuple[str, list[Finding]]:
    """The one class of objects that carry no name, and what to say where it is assumed.

    That of classes.txt in `folder`, else the only one of `reading.classes`, else "object".

    Raises:
        DataError: there are several.
    """
    named = _names_in(folder)
    wanted = named or list(reading.classes or ())[1:]
    if len(wanted) > 1:
        raise DataError(
            f"the objects in {folder} carry no class, and there are {len(wanted)}, {', '.join(wanted)}: give "
            "them a class, or name the one that all of them are in classes.txt"
        )
    name = wanted[0] if wanted else ONLY_CLASS
    assumed = f"the objects carry no class: the class {name!r} is assumed; classes.txt can name it"
    return name, [] if named else [Finding(assumed)]
