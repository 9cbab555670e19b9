"""`python -m model import --task semantic`: its options, and how it makes a bundle."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.data.class_names import read_class_file
from model.families.family import Imported
from model.families.graphs.options import add_graph_options
from model.families.semantic.config import Background
from model.families.semantic.specification import Options
from model.storage.manifest import Manifest


def add_arguments(group: argparse._ArgumentGroup) -> list[argparse.Action]:
    """Add the options that only this family has."""
    add = group.add_argument
    return [
        *add_graph_options(group),
        add("--divisor", type=int, help="of the input's sides, if it accepts any size (default: 32)"),
        add("--max-side", type=int, help="pictures with a longer side shrink (default: 1024)"),
        add(
            "--background",
            type=_background,
            metavar="none|INDEX|implied",
            help="the channel that is the background; none: every pixel has a class; implied: pixels where "
            "no class reaches the threshold",
        ),
        add(
            "--mirror", action="store_const", const=True, help="run the mirrored picture too (twice the time)"
        ),
        add(
            "--look-again",
            action="store_const",
            const=True,
            help="with --fit scale: run again on the enlarged part with objects (twice the time)",
        ),
    ]


def recognises(path: Path) -> bool:
    """True: this family is the last one asked; reading the file will say what is wrong."""
    return True


def make(
    path: Path,
    folder: Path,
    arguments: argparse.Namespace,
    about: Mapping[str, Any],
    replaced: Manifest | None,
) -> Imported:
    """Make the bundle; see `families.family.ImportPart`."""
    from model.families.semantic.importer import import_semantic  # needs OpenVINO; --help does not

    classes = _classes(arguments.classes, arguments.background) if arguments.classes else None
    options = Options(
        classes=classes,
        size=arguments.size,
        divisor=arguments.divisor,
        max_side=arguments.max_side,
        fit=arguments.fit,
        tile_overlap=arguments.tile_overlap,
        channels=arguments.channels,
        value_range=arguments.value_range,
        mean=arguments.mean,
        std=arguments.std,
        activation=arguments.activation,
        threshold=arguments.threshold,
        background=arguments.background,
        output=arguments.output,
        layout=arguments.layout,
        mirror=arguments.mirror,
        look_again=arguments.look_again,
    )
    return import_semantic(path, folder, arguments.name, options, about, replaced)


def _classes(path: Path, background: Background | None) -> list[str]:
    """The class names in a file, without the background.

    Raises:
        ValueError: the background is not first, so names and channels might not correspond.
    """
    named = read_class_file(path)
    if named.background and named.background != background:
        raise ValueError(
            f"{path.name} lists the background after {named.background} other names, which must be in the "
            f"order of the network's channels: give --background {named.background}, or correct the order"
        )
    if named.sentence:
        print(named.sentence)
    return named.names


def _background(word: str) -> Background:
    if word in ("none", "implied"):
        return word  # type: ignore[return-value]
    if word.isdecimal():
        return int(word)
    raise argparse.ArgumentTypeError(
        f"{word!r} is not none, implied or the number of a channel (counted from 0)"
    )
