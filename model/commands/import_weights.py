"""`python -m model import`: make a model that can be served from your own file."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any

from model.commands.placing import add_placing, check_place, version_beside
from model.commands.report import say_published
from model.families.family import Family, ImportPart
from model.families.registry import FAMILIES
from model.pictures import read
from model.publishing.publish import manifest_of, publish
from model.publishing.replaced import taken_over


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments: the common ones, then those of each family."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="weights of a Mask R-CNN (.h5), .onnx, .keras, a whole Keras model (.h5), .tflite, an OpenVINO "
        ".xml, a SavedModel folder or a bioimage.io folder",
    )
    tasks = dict.fromkeys(family.task for family in _families())
    parser.add_argument(
        "--task",
        choices=tasks,
        help="task of the model (default: instance for weights of a Mask R-CNN, else semantic)",
    )
    parser.add_argument("--name", required=True, help="name for the model")
    parser.add_argument("--classes", type=Path, help="text file with one class name per line")
    parser.add_argument("--threshold", type=float, help="lowest score to keep (default: the task's)")
    parser.add_argument("--max-segments", type=int, help="most segments in an answer (default: 100)")
    parser.add_argument(
        "--max-segments-per-megapixel",
        type=int,
        metavar="NUMBER",
        help="for large pictures: most segments per megapixel, if that is more (default: no more)",
    )
    parser.add_argument("--tile-overlap", type=int, help="overlap of the tiles of large pictures, in pixels")
    parser.add_argument(
        *("--sample", "--self-test"),
        type=Path,
        metavar="IMAGE",
        help="picture for the self-test: the model must find something in it, and the same at every start "
        "(default: an included picture)",
    )
    parser.add_argument("--source", help="origin of the weights")
    parser.add_argument("--made-by", help="command that trained the weights")
    parser.add_argument(
        "--version", help="version of the weights (default: 1; with --beside: one more than the newest)"
    )
    add_placing(parser)
    parser.add_argument("--licence", help="licence of the weights")
    parser.add_argument("--description", help="purpose of the model, in one sentence")
    # "-1-1" and "-0.5,0,0" are values, but argparse would read them as options.
    parser._negative_number_matcher = re.compile(r"^-[\d.][\d.,-]*$")
    options = {}
    for family in _families():
        group = parser.add_argument_group(f"options for --task {family.task}, family {family.name}")
        options[family.name] = _part(family).add_arguments(group)
    parser.set_defaults(options_of_family=options)


def run(arguments: argparse.Namespace) -> int:
    """Make the bundle and print how to serve it."""
    path: Path = arguments.file
    family = family_of(path, arguments.task)
    _refuse_options_of_others(arguments, family)
    check_place(arguments.name, "--name", arguments)
    replaced = manifest_of(arguments.name)
    beside = version_beside(arguments.name, arguments, replaced)
    about: dict[str, Any] = {
        "licence": arguments.licence,
        "description": arguments.description,
        "version": beside or arguments.version,
        "source": arguments.source,
        "made_by": arguments.made_by,
        "max_segments": arguments.max_segments,
        "max_segments_per_megapixel": arguments.max_segments_per_megapixel,
    }
    about = {name: value for name, value in about.items() if value is not None}
    sample = read(arguments.sample) if arguments.sample else None  # before anything is written
    if replaced is not None:
        about = {**taken_over(replaced, family.task), **about}
    alike = replaced if replaced is not None and replaced.family == family.name else None
    published = publish(
        arguments.name,
        lambda folder: _part(family).make(path, folder, arguments, about, alike),
        replaced,
        sample,
        beside,
    )
    say_published(published)
    return 0


def family_of(path: Path, task: str | None = None) -> Family:
    """The family of the model in a file or folder; if a task is given, one with that task."""
    families = [family for family in _families() if task in (None, family.task)]
    return next((family for family in families if _part(family).recognises(path)), families[-1])


def _families() -> list[Family]:
    """The families whose models can be imported."""
    return [family for family in FAMILIES.values() if family.importing is not None]


def _part(family: Family) -> ImportPart:
    assert family.importing is not None
    return family.importing


def _refuse_options_of_others(arguments: argparse.Namespace, family: Family) -> None:
    own = {action.dest for action in arguments.options_of_family[family.name]}
    for name, actions in arguments.options_of_family.items():
        given = [
            action
            for action in actions
            if action.dest not in own and getattr(arguments, action.dest) is not None
        ]
        if name != family.name and given:
            flags = ", ".join(action.option_strings[0] for action in given)
            raise ValueError(
                f"{arguments.file.name} is imported with --task {family.task}, which has no {flags}: leave "
                f"{'it' if len(given) == 1 else 'them'} out, or add --task {FAMILIES[name].task}"
            )
