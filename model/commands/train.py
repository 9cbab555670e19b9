"""`python -m model train`: train a network on a folder of labelled images."""

from __future__ import annotations

import argparse

from model import catalog
from model.commands.arguments import add_reading
from model.families.family import Training
from model.families.registry import FAMILIES
from model.storage.manifest import Bundle


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    trainings = _trainings()
    parser.add_argument(
        "--task", choices=trainings, default="instance", help="task of the model (default: instance)"
    )
    add_reading(parser)
    for training in trainings.values():
        training.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, or resume the run that is in the folder."""
    return _trainings()[arguments.task].run(arguments, _published)


def _published(name: str) -> Bundle:
    """The published model of that name; fetched if it is missing."""
    if name in catalog.names():
        return catalog.find(name)
    # Imported here, so that refusing data does not wait for OpenVINO.
    from model.publishing.publish import publish_fetched
    from model.publishing.published import PUBLISHED

    print(f"There is no model {name} yet: fetching it, as python -m model fetch {name} does.")
    return publish_fetched(PUBLISHED[name]).bundle


def _trainings() -> dict[str, Training]:
    """Task → training of its family."""
    return {family.task: family.training for family in FAMILIES.values() if family.training is not None}
