"""`python -m model export`: a model's stages compiled for OpenVINO, so that it serves without TensorFlow."""

from __future__ import annotations

import argparse
from pathlib import Path

from model import catalog
from model.commands.arguments import add_reading, reading_of
from model.data import DataSet, PictureFolder, Reading, check_data, is_data, open_data_for
from model.engines.choice import PRECISIONS
from model.exporting import ExportError, export


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


def run(arguments: argparse.Namespace) -> int:
    """Compile the stages and say what each precision loses."""
    bundle = catalog.find(arguments.name)
    classes, reading = bundle.manifest.classes, reading_of(arguments)
    pictures = _pictures(arguments.calibration, classes, reading) if arguments.calibration else None
    precisions = arguments.precision or (["bf16", "int8"] if pictures else ["bf16"])
    bundle = export(arguments.name, precisions, pictures)
    for precision, made in bundle.manifest.exports.items():
        loss = "".join(
            f", loses {100 * lost:.2f} points of {measure}"
            for measure, lost in (("AP50", made.ap50_lost), ("mean IoU", made.miou_lost))
            if lost is not None
        )
        against = f" against the {made.against} of {made.pictures} pictures" if made.against else ""
        print(f"{precision}: {'passed' if made.passed else 'used only where asked for'}{loss}{against}")
    print(f"in {bundle.folder}")
    return 0


def compile_new(name: str) -> None:
    """Compile a model that has just been made; where that cannot be, say so: it serves all the same."""
    try:
        export(name, ["bf16"])
    except ExportError as error:
        print(f"Not compiled, so TensorFlow runs it: {error}")


def _pictures(path: Path, classes: list[str], reading: Reading) -> DataSet:
    if path.is_dir() and not is_data(path):
        return PictureFolder(path, classes)
    data = open_data_for(path, classes, reading)
    check_data(data)
    return data
