"""`python -m model train`: train a network on a folder of labelled images."""

from __future__ import annotations

import argparse

from model.families.registry import FAMILIES

TRAINABLE = {family.task: family.training for family in FAMILIES.values() if family.training is not None}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "--task", choices=TRAINABLE, default="instance", help="what the model is to tell (default: instance)"
    )
    for training in TRAINABLE.values():
        training.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Train, going on with the run if the folder holds it already."""
    return TRAINABLE[arguments.task].run(arguments)
