"""`python -m model fetch`: a published model, downloaded and made into a bundle."""

from __future__ import annotations

import argparse

from model.commands.export import compile_new
from model.fetching import fetch
from model.published import PUBLISHED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("name", choices=PUBLISHED, metavar="NAME", help=f"one of: {', '.join(PUBLISHED)}")


def run(arguments: argparse.Namespace) -> int:
    """Fetch the model and say how to serve it."""
    bundle = fetch(PUBLISHED[arguments.name])
    compile_new(arguments.name)
    print(f"{arguments.name}: {len(bundle.manifest.classes) - 1} classes, in {bundle.folder}")
    print(f"Serve it:  MASKSERVE_MODELS={arguments.name} make run")
    return 0
