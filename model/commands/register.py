"""`python -m model register`: register a bundle in MLflow, from where it can be fetched and served."""

from __future__ import annotations

import argparse
from pathlib import Path

from model import catalog

EXPERIMENT = "bundles"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("name", metavar="NAME", help="name of the model; see python -m model models")
    parser.add_argument(
        "--alias", help="also give this version a name, such as champion, taken from the one that has it"
    )
    parser.add_argument(
        "--run",
        dest="trained_in",  # "run" is what the command does
        type=Path,
        metavar="FOLDER",
        help="store it with the run it was made from, if that was logged with --experiment",
    )
    parser.add_argument(
        "--experiment",
        default=EXPERIMENT,
        metavar="NAME",
        help=f"without --run: experiment in which it is stored (default: {EXPERIMENT})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Register the model and print how to fetch it."""
    from model.experiments.registering import register
    from model.experiments.server import shown_uri

    bundle = catalog.find(arguments.name)
    bundle.check()
    made = register(bundle, arguments.alias, arguments.trained_in, arguments.experiment)
    print(f"{made.name}: version {made.version} in MLflow at {shown_uri()}")
    place = f"@{arguments.alias}" if arguments.alias else f"/{made.version}"
    print(f"Serve it elsewhere:  python -m model fetch models:/{made.name}{place}")
    return 0
