"""`python -m model survey`: record what a model's training pictures look like, so that it warns of others."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from model import catalog
from model.commands.arguments import add_reading, reading_of
from model.data import check_data, open_data
from model.pictures.familiarity import measure, survey
from model.storage.manifest import MANIFEST
from model.storage.writing import update_manifest

ONLY_KIND = "all"
"""The name of the kind if the data have no kinds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("name", metavar="NAME", help="a model, or name@version")
    parser.add_argument("--data", type=Path, required=True, help="the model's training data, as for train")
    add_reading(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure all pictures and store the figures in the model's model.json."""
    bundle = catalog.find(arguments.name)
    data = open_data(arguments.data, reading_of(arguments))
    check_data(data)
    indices = tqdm(range(len(data)), unit="image")
    measured = ((data.kinds[index] or ONLY_KIND, measure(data[index].image)) for index in indices)
    known = survey([(kind, measures) for kind, measures in measured if measures is not None])
    update_manifest(bundle, known_pictures=known.model_dump())
    for name, kind in known.kinds.items():
        print(f"{name}: {kind.pictures} pictures")
    print(f"in {bundle.folder / MANIFEST}")
    return 0
