"""`python -m model survey`: record what a model's pictures look like, to tell later that others differ."""

from __future__ import annotations

import argparse
from pathlib import Path

from tqdm import tqdm

from model import catalog
from model.commands.any_pictures import open_any_pictures
from model.commands.arguments import add_reading, add_way_to_run, reading_of
from model.commands.observing import Observer
from model.data import Reading, check_data, open_data
from model.drift.baseline import Baseline
from model.pictures.familiarity import KnownPictures, measure, survey
from model.segmenter import load
from model.storage.manifest import MANIFEST
from model.storage.writing import update_manifest

ONLY_KIND = "all"
"""The name of the kind if the data have no kinds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("name", metavar="NAME", help="a model, or name@version")
    parser.add_argument(
        "--data",
        type=Path,
        help="the model's training data, as for train: the model will warn of pictures unlike these",
    )
    parser.add_argument(
        "--validation",
        type=Path,
        metavar="DATA",
        help="pictures that the model was not trained on, with or without labels: a service will tell when "
        "its pictures or answers become different from these",
    )
    add_reading(parser)
    add_way_to_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Measure all pictures and store the figures in the model's model.json."""
    name, reading = arguments.name, reading_of(arguments)
    bundle = catalog.find(name)
    for path in (arguments.data, arguments.validation):
        if path is not None and not path.exists():
            raise ValueError(f"there is nothing at {path}")
    if arguments.data is None and arguments.validation is None:
        raise ValueError("there is nothing to survey: give --data, --validation or both")
    if arguments.validation and bundle.manifest.task == "classify":
        raise ValueError(
            f"--validation is for models that find objects or classes of pixels, and {name} is a classifier: "
            "leave it out"
        )
    if arguments.data:
        known = _known_pictures(arguments.data, reading)
        bundle = update_manifest(bundle, known_pictures=known.model_dump())
        for kind, one in known.kinds.items():
            print(f"{kind}: {one.pictures} pictures")
    if arguments.validation:
        baseline = _baseline(name, arguments.validation, reading, arguments.engine, arguments.precision)
        bundle = update_manifest(bundle, baseline=baseline.model_dump())
        print(f"baseline: {baseline.pictures} pictures, {', '.join(baseline.histograms)}")
    print(f"in {bundle.folder / MANIFEST}")
    return 0


def _known_pictures(path: Path, reading: Reading) -> KnownPictures:
    data = open_data(path, reading)
    check_data(data)
    indices = tqdm(range(len(data)), unit="image")
    measured = ((data.kinds[index] or ONLY_KIND, measure(data[index].image)) for index in indices)
    return survey([(kind, measures) for kind, measures in measured if measures is not None])


def _baseline(name: str, path: Path, reading: Reading, engine: str | None, precision: str | None) -> Baseline:
    segmenter = load(name, engine=engine, precision=precision)
    manifest = segmenter.bundle.manifest
    data = open_any_pictures(path, reading)
    observer = Observer(manifest)
    for index in tqdm(range(len(data)), unit="image"):
        image = data[index].image
        observer.add(image, segmenter.segment(image))
    return observer.baseline()
