"""`python -m model train`: train a network on a folder of labelled images."""

from __future__ import annotations

import argparse

from model.commands.arguments import add_reading
from model.families.family import Command
from model.families.registry import FAMILIES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    trainings = _trainings()
    parser.add_argument(
        "--task", choices=trainings, default="instance", help="what the model is to tell (default: instance)"
    )
    add_reading(parser)
    for training in trainings.values():
        training.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, going on with the run if the folder holds it already."""
    return _trainings()[arguments.task].run(arguments)


def _trainings() -> dict[str, Command]:
    """Task → how a model for it is trained."""
    return {family.task: family.training for family in FAMILIES.values() if family.training is not None}
