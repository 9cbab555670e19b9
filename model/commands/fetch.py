"""`python -m model fetch`: make a bundle of a published model, or of one registered in MLflow."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from model import catalog
from model.commands.report import say_published
from model.publishing.publish import Published, publish_fetched
from model.publishing.published import PUBLISHED
from model.publishing.received import publish_received

REGISTERED = "models:/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "name",
        type=_name,
        metavar="NAME",
        help=f"one of: {', '.join(PUBLISHED)}; or models:/NAME@ALIAS or models:/NAME/VERSION: a model "
        "registered in MLflow, see docs/experiments.md",
    )


def run(arguments: argparse.Namespace) -> int:
    """Fetch the model and print how to serve it."""
    if arguments.name in PUBLISHED:
        say_published(publish_fetched(PUBLISHED[arguments.name]))
    else:
        say_published(_fetch_registered(arguments.name))
    return 0


def _name(word: str) -> str:
    if word not in PUBLISHED and not word.startswith(REGISTERED):
        raise argparse.ArgumentTypeError(
            f"{word!r} is not published: choose {', '.join(PUBLISHED)}, or a model registered in MLflow: "
            "models:/nuclei@champion"
        )
    return word


def _fetch_registered(uri: str) -> Published:
    from model.experiments.registering import download

    root = catalog.model_dir()
    root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".fetching-", dir=root) as folder:
        return publish_received(download(uri, Path(folder)))
