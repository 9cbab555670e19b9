"""`python -m model fetch`: download a published model and make a bundle of it."""

from __future__ import annotations

import argparse

from model.commands.report import say_published
from model.publishing.publish import publish_fetched
from model.publishing.published import PUBLISHED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("name", choices=PUBLISHED, metavar="NAME", help=f"one of: {', '.join(PUBLISHED)}")


def run(arguments: argparse.Namespace) -> int:
    """Fetch the model and print how to serve it."""
    say_published(publish_fetched(PUBLISHED[arguments.name]))
    return 0
