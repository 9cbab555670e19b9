"""`python -m model check-data`: count the objects of a data set and list its problems, before training."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

from model.commands.arguments import add_reading, at_least_one, reading_of
from model.data import open_data
from model.data.checks import object_findings, objects_in
from model.data.findings import number_of

NAMES_SHOWN = 50


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("data", metavar="DATA", type=Path, help="a folder or file, as for train and evaluate")
    parser.add_argument(
        "--max-objects",
        type=at_least_one,
        default=100,
        metavar="N",
        help="list pictures with more objects: max_gt_instances of the training (default: 100, Matterport's)",
    )
    add_reading(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the counts and all findings; the exit status is 1 if something must be fixed first."""
    data = open_data(arguments.data, reading_of(arguments))
    objects = objects_in(data)
    is_of_pixels = not data.has_objects
    one, many = ("picture with it", "pictures with it") if is_of_pixels else ("object", "objects")
    print(f"{data.path}: {data.format_name}, {number_of(len(data), 'picture', 'pictures')}")
    counts = Counter(class_id for picture in objects for class_id in picture)
    for class_id, name in enumerate(data.classes[1:], start=1):
        print(f"  {name}: {number_of(counts[class_id], one, many)}")
    findings = [*data.findings()]
    if not is_of_pixels:
        findings += object_findings(data, objects, arguments.max_objects)
    for finding in sorted(findings, key=lambda finding: not finding.refused):
        mark = "Must be fixed" if finding.refused else "Note"
        print(f"{mark}: {finding.sentence(NAMES_SHOWN)}")
    if any(finding.refused for finding in findings):
        return 1
    print("Ready for train and evaluate" if not is_of_pixels else "Ready for evaluate")
    return 0
