"""`python -m model data check`: say what a data set is, count its objects, list its problems."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from model.commands.arguments import add_reading, at_least_one, reading_of
from model.commands.data_sheet import draw_classified_sheet, draw_data_sheet
from model.data import Annotated, DataError, Reading, open_data
from model.data.checks import lacking_classes, object_findings, objects_in, rotated
from model.data.classified import ClassifiedFolder, is_classified, open_classified
from model.data.findings import Finding, number_of
from model.data.gathering import InvalidData
from model.data.leaks import Print, copies, leaks, prints_of

NAMES_SHOWN = 50
SENTENCES_SHOWN = 20
TASKS = ("instance", "semantic", "classify")
DRAWN_AS = (".png", ".jpg", ".jpeg", ".webp")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser(
        "check",
        help="say what a data set is, count its objects, draw a sheet and list its problems",
        description="Say what a data set is, count its objects, draw a sheet and list its problems.",
    )
    check.add_argument("data", metavar="DATA", type=Path, help="a folder or file, as for train and evaluate")
    check.add_argument(
        "--task",
        choices=TASKS,
        help="what a model is to learn from it (default: objects if the data tell them apart, else the "
        "classes of pixels; classes of whole pictures if there is a folder for each class)",
    )
    check.add_argument(
        "--against",
        metavar="VALIDATION",
        type=Path,
        help="validation data: list the pictures that are in both, also resized, compressed or mirrored",
    )
    check.add_argument(
        "--sheet", metavar="FILE", type=Path, help="also draw pictures with their objects to this PNG"
    )
    check.add_argument(
        "--max-objects",
        type=at_least_one,
        default=100,
        metavar="N",
        help="list pictures with more objects: max_gt_instances of the training (default: 100, Matterport's)",
    )
    add_reading(check)


def run(arguments: argparse.Namespace) -> int:
    """Print the counts and all findings; the exit status is 1 if something must be fixed first."""
    sheet = arguments.sheet
    if sheet and sheet.suffix.lower() not in DRAWN_AS:
        raise ValueError(f"--sheet {sheet} is no picture: name a file that ends with {' or '.join(DRAWN_AS)}")
    if sheet and not sheet.parent.is_dir():
        raise ValueError(
            f"--sheet {sheet} cannot be written: there is no folder {sheet.parent}; create it first"
        )
    is_for_classes = arguments.task == "classify" or (not arguments.task and is_classified(arguments.data))
    check = _check_classified if is_for_classes else _check_annotated
    findings, trained_with = check(arguments)
    for finding in sorted(findings, key=lambda finding: not finding.refused):
        mark = "Must be fixed" if finding.refused else "Note"
        print(f"{mark}: {finding.listed(_most_shown(finding))}")
    if any(finding.refused for finding in findings):
        return 1
    print(f"Ready for {trained_with}")
    return 0


def _check_annotated(arguments: argparse.Namespace) -> tuple[list[Finding], str]:
    """Count the objects; the findings, and for what the data are ready."""
    reading = reading_of(arguments)
    data, invalid = _opened(arguments.data, reading)
    of_pixels = arguments.task == "semantic" or (not arguments.task and not data.has_objects)
    objects = _count(data)
    findings = [*invalid, *data.findings(), *rotated(data)]
    findings += (
        lacking_classes(data, objects) if of_pixels else object_findings(data, objects, arguments.max_objects)
    )
    prints = prints_of(data)
    findings += copies(prints)
    if arguments.against:
        findings += _against(data, prints, arguments.against, reading)
    if arguments.sheet:
        _draw(lambda: draw_data_sheet(data, arguments.sheet), arguments.sheet)
    return findings, "train and evaluate, of semantic models" if of_pixels else "train and evaluate"


def _opened(path: Path, reading: Reading) -> tuple[Annotated, Sequence[Finding]]:
    """The data set, without its invalid files and annotations, and the findings about these.

    Raises:
        InvalidData: nothing else is left.
        DataError: it cannot be opened.
    """
    try:
        return open_data(path, reading), ()
    except InvalidData as error:
        if error.rest is None:
            raise
        return error.rest, error.findings


def _count(data: Annotated) -> list[list[int]]:
    """Print the number of objects and pictures of each class; return the result of `objects_in`."""
    objects = objects_in(data)
    print(f"{data.path}: {data.format_name}, {number_of(len(data), 'picture', 'pictures')}")
    counts = Counter(class_id for picture in objects for class_id in picture)
    pictures = Counter(class_id for picture in objects for class_id in set(picture))
    for class_id, name in enumerate(data.classes[1:], start=1):
        found = number_of(counts[class_id], "object", "objects") + " in " if data.has_objects else ""
        print(f"  {name}: {found}{number_of(pictures[class_id], 'picture', 'pictures')}")
    return objects


def _against(data: Annotated, prints: list[Print], path: Path, reading: Reading) -> list[Finding]:
    """Count the objects of the validation data; the findings about them, and about both."""
    validation, invalid = _opened(path, replace(reading, classes=data.classes))
    objects = _count(validation)
    others = prints_of(validation)
    findings = _of_validation(
        [*invalid, *validation.findings(), *lacking_classes(validation, objects), *copies(others)]
    )
    if validation.classes != data.classes:
        findings.append(_other_classes(data.classes[1:], validation.classes[1:]))
    return [*findings, *leaks(prints, others)]


def _check_classified(arguments: argparse.Namespace) -> tuple[list[Finding], str]:
    """Count the pictures of each class; the findings, and for what the data are ready."""
    data = open_classified(arguments.data)
    _count_classified(data)
    prints = prints_of(data)
    findings = [*data.findings(), *copies(prints, _class_names(data))]
    if arguments.against:
        validation = open_classified(arguments.against, data.classes)
        _count_classified(validation)
        others = prints_of(validation)
        findings += _of_validation([*validation.findings(), *copies(others, _class_names(validation))])
        findings += leaks(prints, others)
    if arguments.sheet:
        _draw(lambda: draw_classified_sheet(data, arguments.sheet), arguments.sheet)
    return findings, "train and evaluate, of classifiers"


def _class_names(data: ClassifiedFolder) -> list[str]:
    """The name of each picture's class."""
    return [data.classes[class_id] for class_id in data.class_ids]


def _count_classified(data: ClassifiedFolder) -> None:
    print(f"{data.path}: {data.format_name}, {number_of(len(data), 'picture', 'pictures')}")
    counts = Counter(data.class_ids)
    for class_id, name in enumerate(data.classes):
        print(f"  {name}: {number_of(counts[class_id], 'picture', 'pictures')}")


def _of_validation(findings: Iterable[Finding]) -> list[Finding]:
    return [replace(finding, text=f"of --against, {finding.text}") for finding in findings]


def _other_classes(classes: Sequence[str], others: Sequence[str]) -> Finding:
    return Finding(
        f"the data have the classes {', '.join(classes)}, --against has {', '.join(others)}",
        refused=True,
        advice="Both must have the same classes in the same order",
    )


def _most_shown(finding: Finding) -> int:
    return SENTENCES_SHOWN if any(" " in name for name in finding.where) else NAMES_SHOWN


def _draw(draw: Callable[[], None], path: Path) -> None:
    """Draw the sheet, unless a sample cannot be read, which the findings say."""
    try:
        draw()
    except DataError as error:
        print(f"No sheet was drawn: {error}")
    else:
        print(f"Sheet: {path}")
