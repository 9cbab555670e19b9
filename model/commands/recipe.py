"""`python -m model recipe`: print every value that a training recipe may have, with its default, as YAML."""

from __future__ import annotations

import argparse

from model.families.registry import trainings
from model.training.keys import as_recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "--task", choices=trainings(), default="instance", help="task of the model (default: instance)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the recipe."""
    training = trainings()[arguments.task]
    print(f"task: {arguments.task}")
    print(as_recipe({"config": training.CONFIG, "plan": training.PLAN}), end="")
    return 0
