"""`python -m model measure`: measure the objects in pictures, in one table with a row for each object."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import Any

from tqdm import tqdm

from model.answering import find
from model.answers.choosing import Candidate
from model.answers.finding import Finding
from model.commands.arguments import add_way_to_run
from model.commands.asking import add_question, check_question, wishes_of
from model.commands.one_after_another import AT_ONCE, notes_about, reason_for
from model.commands.pictures_named import STANDARD, NamedPicture, pictures_named
from model.files.in_order import in_order
from model.files.system_errors import in_words
from model.formats.growing_table import GrowingTable
from model.formats.registry import FORMATS
from model.formats.table import cell_text, segments_to_rows
from model.measures import GROUPS, Group
from model.segmenter import load

_Rows = tuple[list[str], list[list[Any]]]

_TABLE = FORMATS["csv"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_question(parser)
    parser.add_argument(
        "--measure",
        type=_groups,
        default=GROUPS,
        metavar="GROUPS",
        help=f"what to measure, separated by commas (default: {','.join(GROUPS)})",
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="the table to write, or - for standard output",
    )
    add_way_to_run(parser)


def _groups(word: str) -> tuple[Group, ...]:
    """The groups of measures in `word`, in their own order."""
    named = {name.strip() for name in word.split(",") if name.strip()}
    if not named or named - set(GROUPS):
        shown = ", ".join(sorted(named - set(GROUPS))) or "nothing"
        raise argparse.ArgumentTypeError(f"{shown} cannot be measured; there are: {', '.join(GROUPS)}")
    return tuple(group for group in GROUPS if group in named)


def run(arguments: argparse.Namespace) -> int:
    """Measure the objects in all images; the exit status is 1 if any of the images failed."""
    check_question(arguments)
    pictures = pictures_named(arguments.images, None)
    _check_out(arguments.out, pictures)
    segmenter = load(arguments.model, engine=arguments.engine, precision=arguments.precision)
    wishes = wishes_of(arguments, segmenter, _TABLE)
    network = threading.Lock()

    def measured(picture: NamedPicture) -> tuple[_Rows, list[str]]:
        finding = find(
            picture.read(),
            [Candidate(segmenter, wishes)],
            shows_picture=False,
            page=arguments.page,
            channel=arguments.channel,
            projection=arguments.projection,
            measured=arguments.measure,
            pixel_size=arguments.pixel_size,
            turn=lambda: network,
        )
        return _rows(picture, finding, arguments), notes_about(finding, arguments.model)

    failed = 0
    with GrowingTable() as table, tqdm(total=len(pictures), unit="image", disable=len(pictures) < 2) as bar:
        for picture, answered in in_order(measured, pictures, AT_ONCE):
            try:
                (columns, rows), notes = answered.result()
            except Exception as error:
                tqdm.write(reason_for(picture, error), file=sys.stderr)
                failed += 1
            else:
                table.add(columns, rows)
                for note in notes:
                    tqdm.write(f"{picture}: {note}", file=sys.stderr)
            bar.update()
        if failed < len(pictures):
            _write(table, arguments.out)
    return 1 if failed else 0


def _check_out(out: Path, pictures: list[NamedPicture]) -> None:
    """Raise ValueError, before any work, if the table cannot be written to `out`."""
    if out == STANDARD:
        return
    if out.is_dir():
        raise ValueError(f"{out} is a folder: name a file with --out, such as {out / 'objects.csv'}")
    if not out.parent.is_dir():
        raise ValueError(f"there is no folder {out.parent} for the table: create it, or change --out")
    if any(picture.path is not None and picture.path.resolve() == out.resolve() for picture in pictures):
        raise ValueError(f"the table would overwrite the picture {out}: name another file with --out")


def _rows(picture: NamedPicture, finding: Finding, arguments: argparse.Namespace) -> _Rows:
    """The columns and rows of one picture: where each object comes from, then the object."""
    origin, manifest = finding.origin, finding.manifest
    pixel_size = None if finding.measures is None else finding.measures.pixel_size
    width, height = pixel_size or (None, None)
    source = {
        "file": cell_text(str(picture)),
        "page": origin.projection if origin.page is None else origin.page,
        "channel": arguments.channel,
        "pixel_width_um": width,
        "pixel_height_um": height,
        "model": manifest.name,
        "version": manifest.version,
        "threshold": manifest.threshold if arguments.threshold is None else arguments.threshold,
    }
    columns, rows = segments_to_rows(
        finding.segments,
        finding.class_names,
        pixel_size=arguments.pixel_size,
        measures=finding.measures,
    )
    return [*source, *columns], [[*source.values(), *row] for row in rows]


def _write(table: GrowingTable, out: Path) -> None:
    if out != STANDARD:
        table.write(out)
        return
    try:
        table.print(sys.stdout)
    except OSError as error:
        raise OSError(error.errno, f"standard output: {in_words(error)}") from error
