"""`python -m model import --task classify`: its options, and how it makes a bundle."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.data.class_names import read_class_file
from model.families.family import Imported
from model.families.graphs.options import add_graph_options
from model.storage.manifest import Manifest


def add_arguments(group: argparse._ArgumentGroup) -> list[argparse.Action]:
    """Add the options that this family has in common with other graphs; it has no others."""
    group.description = (
        "Of those of --task semantic: --size, --channels, --value-range, --mean, --std, --activation, "
        "--output, --layout, --fit scale."
    )
    return add_graph_options(group)


def recognises(path: Path) -> bool:
    """False: only reading a file shows whether it scores pictures or pixels, and its reader says so."""
    return False


def make(
    path: Path,
    folder: Path,
    arguments: argparse.Namespace,
    about: Mapping[str, Any],
    replaced: Manifest | None,
) -> Imported:
    """Make the bundle; see `families.family.ImportPart`."""
    if (path.parent / "run.json").is_file():
        raise ValueError(
            f"{path.name} is of a training run: make a model of it with python -m model package "
            f"{path.parent} {arguments.name}"
        )
    if arguments.fit not in (None, "scale"):
        raise ValueError(
            f"--fit {arguments.fit}: a classifier sees the whole picture, stretched to its size; omit --fit, "
            "or give --fit scale"
        )
    if arguments.tile_overlap is not None:
        raise ValueError("--tile-overlap: a classifier sees the whole picture at once; omit it")
    from model.families.classifier.foreign.importer import import_foreign  # needs OpenVINO; --help does not
    from model.families.classifier.foreign.specification import Options

    options = Options(
        classes=_classes(arguments.classes) if arguments.classes else None,
        size=arguments.size,
        channels=arguments.channels,
        value_range=arguments.value_range,
        mean=arguments.mean,
        std=arguments.std,
        activation=arguments.activation,
        threshold=arguments.threshold,
        output=arguments.output,
        layout=arguments.layout,
    )
    return import_foreign(path, folder, arguments.name, options, about, replaced)


def _classes(path: Path) -> list[str]:
    """The class names in a file; a background is a class like any other."""
    named = read_class_file(path)
    if named.sentence:
        print(named.sentence)
    names = list(named.names)
    if named.background is not None:
        names.insert(named.background, "background")
    return names
