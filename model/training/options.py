"""Options of `python -m model train` that every task has, and the plan that they and a recipe describe."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from model.training.plan import OPTIMIZERS, PRECISIONS, Plan
from model.training.recipe import words_of_the_command_line
from model.training.run_json import Asked

ROUNDED = ("batch_size", "accumulate")
"""The values to whose product the pictures of a run are rounded up."""

AnyPlan = TypeVar("AnyPlan", bound=Plan)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options; those that change the plan have its names."""
    parser.add_argument("--data", type=Path, required=True, help="labelled images: see docs/training.md")
    parser.add_argument(
        "--validation",
        type=Path,
        help="also evaluate on these images, and keep the weights with the best result",
    )
    parser.add_argument(
        "--validation-pictures",
        type=int,
        default=50,
        metavar="NUMBER",
        help="evaluate on at most this many of them (default: 50)",
    )
    parser.add_argument(
        "--config",
        "--recipe",
        type=Path,
        metavar="FILE",
        help="YAML or JSON file with values of the config and the plan; options take precedence over it",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="set one value of the config or the plan, such as plan.average=0.99; may be repeated",
    )
    parser.add_argument("--weights", metavar="NAME|FILE", help="weights to start from: see docs/training.md")
    parser.add_argument(
        "--continue-from",
        metavar="MODEL",
        help="start from the weights and the config of a model, such as nuclei",
    )
    parser.add_argument("--steps", type=int, help="training steps in all; raise it to extend a finished run")
    parser.add_argument("--epochs", type=float, help="instead of --steps: how often to see each picture")
    parser.add_argument("--batch-size", type=int, help="pictures per step")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, help="how gradients change the weights")
    parser.add_argument("--learning-rate", type=float, help="peak learning rate")
    parser.add_argument("--warmup-steps", type=int, help="steps to reach the peak learning rate")
    parser.add_argument("--precision", choices=PRECISIONS, help="of computation (default: float32)")
    parser.add_argument(
        "--accumulate", type=int, metavar="STEPS", help="steps whose mean gradient is used once"
    )
    parser.add_argument(
        "--devices", type=int, metavar="NUMBER", help="GPUs that share each batch (default: 1)"
    )
    parser.add_argument("--report-every", type=int, metavar="STEPS", help="steps between reports")
    parser.add_argument(
        "--patience", type=int, metavar="REPORTS", help="end after this many reports without a better one"
    )
    parser.add_argument("--seed", type=int, help="random seed; another seed gives another result")
    parser.add_argument(
        "--checkpoint-seconds", type=float, default=300, help="seconds between checkpoints (default: 300)"
    )


def check_options(arguments: argparse.Namespace) -> None:
    """Check the options that are not part of a plan. Raises ValueError, which names the option."""
    if arguments.validation_pictures < 1:
        raise ValueError(f"--validation-pictures {arguments.validation_pictures} must be at least 1")
    if not arguments.checkpoint_seconds >= 0:
        raise ValueError(f"--checkpoint-seconds {arguments.checkpoint_seconds:g} must be 0 or more")
    if arguments.weights and arguments.continue_from:
        raise ValueError("--weights and --continue-from both say where to start: give one of them")


def plan_of(
    kind: type[AnyPlan],
    arguments: argparse.Namespace,
    recipe: Mapping[str, Any],
    begun: Asked | None,
    pictures: int,
    defaults: Mapping[str, Any] | None = None,
) -> AnyPlan:
    """The plan of a new run, or of one that has begun.

    Args:
        kind: the plan's class.
        arguments: of the command; an option with the name of a value takes precedence over the recipe.
        recipe: the plan in the configuration file; beside the plan's values it may have "epochs".
        begun: the arguments of the run that is continued; None: a new run.
        pictures: the number of training pictures.
        defaults: values if neither says anything, where they differ from the plan's own.

    Raises:
        ValueError: a value is impossible; the message names the option or the value.
    """
    given = {
        name: value for name in kind.model_fields if (value := getattr(arguments, name, None)) is not None
    }
    values: dict[str, Any] = {**(defaults or {}), **recipe, **given}
    epochs = arguments.epochs if arguments.epochs is not None else values.get("epochs")
    values.pop("epochs", None)
    if arguments.epochs is not None and arguments.steps is not None:
        raise ValueError("--steps and --epochs both say how long to train: give one of them")
    if epochs is not None and arguments.steps is None:
        values["steps"] = _steps_in(epochs, pictures, *(_or_default(kind, values, name) for name in ROUNDED))
    if "steps" not in values:
        raise ValueError(
            "--steps is missing: give the number of training steps, such as --steps 5000, or --epochs"
        )
    steps = values["steps"]
    warmup = _or_default(kind, values, "warmup_steps")
    if arguments.warmup_steps is None and isinstance(steps, int) and isinstance(warmup, int):
        # A short run gets a short warm-up; a run that is made longer keeps its own.
        had = begun.get("plan", {}).get("warmup_steps") if begun else None
        values["warmup_steps"] = min(warmup, steps // 5 if had is None else had)
    with words_of_the_command_line(given):
        return kind.from_json(values)


def _steps_in(epochs: Any, pictures: int, batch_size: Any, accumulate: Any) -> int:
    """The steps after which each picture was seen `epochs` times or slightly more."""
    if isinstance(epochs, bool) or not isinstance(epochs, int | float) or not 0 < epochs < math.inf:
        raise ValueError(f"epochs {epochs} must be a number above 0")
    # If these are wrong, the plan says so.
    size, group = (
        number if isinstance(number, int) and number > 0 else 1 for number in (batch_size, accumulate)
    )
    return math.ceil(epochs * pictures / (size * group)) * group


def _or_default(kind: type[Plan], values: Mapping[str, Any], name: str) -> Any:
    return values.get(name, kind.model_fields[name].default)
