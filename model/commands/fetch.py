"""`python -m model fetch`: a published model, downloaded and made into a bundle."""

from __future__ import annotations

import argparse
from pathlib import Path

from model.commands.report import say_published
from model.families.family import Imported
from model.families.registry import family_named
from model.fetching import fetch
from model.manifest import Manifest
from model.published import PUBLISHED, Published
from model.publishing import manifest_of, publish
from model.replaced import taken_over


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("name", choices=PUBLISHED, metavar="NAME", help=f"one of: {', '.join(PUBLISHED)}")


def run(arguments: argparse.Namespace) -> int:
    """Fetch the model and say how to serve it."""
    wanted = PUBLISHED[arguments.name]
    replaced = manifest_of(wanted.name)
    published = fetch(
        wanted,
        lambda file: publish(wanted.name, lambda folder: imported(wanted, file, folder, replaced), replaced),
    )
    say_published(published)
    return 0


def imported(wanted: Published, file: Path, folder: Path, replaced: Manifest | None = None) -> Imported:
    """A downloaded file made a bundle in `folder`, used as the model is used whose place it takes."""
    about = wanted.about
    if replaced is not None:
        about = {**taken_over(replaced), **about, "threshold": replaced.threshold}
        about["tile_overlap"] = replaced.tile_overlap
    family = family_named(wanted.family)
    return family.import_file(file, folder, wanted.name, wanted.classes, wanted.config, about)
