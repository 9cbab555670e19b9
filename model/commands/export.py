"""`python -m model export`: compile a model for OpenVINO, so that it can be served without TensorFlow."""

from __future__ import annotations

import argparse
from pathlib import Path

from model import catalog
from model.commands.any_pictures import open_any_pictures
from model.commands.arguments import add_reading, at_least_one, reading_of
from model.commands.report import say_exports
from model.engines.choice import PRECISIONS
from model.publishing.exporting import MINUTES, ExportStopped, export


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("name", metavar="NAME", help="a model, or name@version")
    parser.add_argument(
        "--precision",
        nargs="+",
        choices=PRECISIONS,
        help="precisions besides f32, which is always made (default: bf16 and, with --calibration, int8)",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="DATA",
        help="typical pictures: a folder of pictures or, better, labelled data as for evaluate",
    )
    add_reading(parser)
    parser.add_argument(
        "--minutes",
        type=at_least_one,
        default=MINUTES,
        help="time limit of the whole command with --calibration: if it is short, fewer pictures are used, "
        "and the search for layers to keep exact, made if int8 loses too much accuracy, ends early "
        f"(default: {MINUTES})",
    )
    parser.add_argument(
        "--no-accuracy-control",
        dest="controlled",
        action="store_false",
        help="do not search: use int8 in all layers, however much accuracy that loses",
    )


def run(arguments: argparse.Namespace) -> int:
    """Compile the stages and print the loss of each precision."""
    bundle = catalog.find(arguments.name)
    classes, reading = bundle.manifest.classes, reading_of(arguments)
    pictures = open_any_pictures(arguments.calibration, reading, classes) if arguments.calibration else None
    precisions = arguments.precision or (["bf16", "int8"] if pictures else ["bf16"])
    try:
        bundle = export(
            arguments.name, precisions, pictures, arguments.minutes, controlled=arguments.controlled
        )
    except ExportStopped:
        print("Stopped; the precisions that were completed are kept:")
        say_exports(catalog.find(arguments.name))
        raise
    say_exports(bundle)
    return 0
