"""`python -m model export`: a model's stages compiled for OpenVINO, so that it serves without TensorFlow."""

from __future__ import annotations

import argparse
from pathlib import Path

from model import catalog
from model.commands.arguments import add_reading, at_least_one, reading_of
from model.commands.report import say_exports
from model.data import DataSet, PictureFolder, Reading, check_data, is_data, open_data_for
from model.engines.choice import PRECISIONS
from model.publishing.exporting import MINUTES, Stopped, export


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("name", metavar="NAME", help="a model's name")
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=PRECISIONS,
        help="f32 is always made; default: bf16 and, with --calibration, int8",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="DATA",
        help="pictures such as will come: a folder of them or, better, labelled data as for evaluate",
    )
    add_reading(parser)
    parser.add_argument(
        "--minutes",
        type=at_least_one,
        default=MINUTES,
        help="with --calibration, be done after so many: take fewer of the pictures where there is no time "
        "for all, and end the search for layers that must stay exact where int8 loses too much "
        f"(default: {MINUTES})",
    )
    parser.add_argument(
        "--no-accuracy-control",
        dest="controlled",
        action="store_false",
        help="do not search for such layers: int8 in all of them, whatever that loses",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compile the stages and say what each precision loses."""
    bundle = catalog.find(arguments.name)
    classes, reading = bundle.manifest.classes, reading_of(arguments)
    pictures = _pictures(arguments.calibration, classes, reading) if arguments.calibration else None
    precisions = arguments.precision or (["bf16", "int8"] if pictures else ["bf16"])
    try:
        bundle = export(
            arguments.name, precisions, pictures, arguments.minutes, controlled=arguments.controlled
        )
    except Stopped:
        print("Stopped; what was made until then is kept:")
        say_exports(catalog.find(arguments.name))
        raise
    say_exports(bundle)
    return 0


def _pictures(path: Path, classes: list[str], reading: Reading) -> DataSet:
    if path.is_dir() and not is_data(path):
        return PictureFolder(path, classes)
    data = open_data_for(path, classes, reading)
    check_data(data)
    return data
