"""`python -m model train`: train a network on a folder of labelled images."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from model import catalog
from model.commands.arguments import add_reading, reading_of
from model.data.fingerprint import fingerprint
from model.families.registry import trainings
from model.storage.manifest import Bundle
from model.training import run_json
from model.training.carrying_out import Watcher, carry_out
from model.training.options import add_options, check_options
from model.training.prepared import Prepared
from model.training.provenance import git_commit
from model.training.recipe import Recipe, read_recipe
from model.training.run_json import Asked
from model.training.stopping import Stopped


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--out", type=Path, required=True, help="run folder; give it again to continue")
    add_training_options(parser)


def add_training_options(parser: argparse.ArgumentParser) -> None:
    """The arguments of commands that train, except where to."""
    known = trainings()
    parser.add_argument(
        "--task", choices=known, help="task of the model (default: that of --config, or instance)"
    )
    add_options(parser)
    add_reading(parser)
    parser.add_argument(
        "--experiment",
        metavar="NAME",
        help="log to this experiment of MLflow, created if missing: see docs/experiments.md",
    )
    own: dict[str, list[argparse.Action]] = {}
    for task, training in known.items():
        own[task] = training.add_arguments(parser.add_argument_group(f"options of --task {task}"))
    parser.set_defaults(own=own)


def run(arguments: argparse.Namespace) -> int:
    """Train, or resume the run that is in the folder."""
    check_options(arguments)
    return carry_out_as_asked(arguments, read_recipe(arguments.config, arguments.set))


def carry_out_as_asked(arguments: argparse.Namespace, recipe: Recipe) -> int:
    """Train with the options and a recipe in the folder --out, and print where the weights are."""
    prepared = prepare(arguments, recipe, run_json.read(arguments.out))
    watchers = []
    if arguments.experiment is not None:
        from model.experiments.logging_run import check_resumed

        check_resumed(arguments.out, arguments.experiment)
        watchers.append(watcher(arguments, recipe))
    try:
        run_folder = carry_out(prepared, arguments.out, arguments.checkpoint_seconds, watchers)
    except Stopped as stopped:
        print(f"{stopped}: repeat the command to continue from there", file=sys.stderr)
        return 128 + stopped.signal  # the shell's convention
    print(f"Weights: {run_folder.weights_path}")
    if run_folder.best_path.exists():
        print(f"Best on --validation: {run_folder.best_path}")
    return 0


def task_of(arguments: argparse.Namespace, recipe: Recipe) -> str:
    """The task that the command line or the recipe names. Raises ValueError if they contradict each other."""
    task = arguments.task or recipe.task or "instance"
    if recipe.task and recipe.task != task:
        raise ValueError(
            f"--task {task} contradicts {arguments.config}, whose task is {recipe.task}: omit one of them"
        )
    if task not in trainings():
        raise ValueError(f"task {task!r} is unknown: use one of {', '.join(trainings())}")
    return task


def prepare(arguments: argparse.Namespace, recipe: Recipe, begun: Asked | None) -> Prepared:
    """Check the options and the data of a run. Raises ValueError with the reason.

    `begun` has the arguments of the run that is continued; None: a new run.
    """
    task = task_of(arguments, recipe)
    _refuse_options_of_other_tasks(arguments, task)
    prepared = trainings()[task].prepare(arguments, recipe, begun, _published)
    return dataclasses.replace(prepared, asked={**prepared.asked, **_origin(arguments)})


def watcher(
    arguments: argparse.Namespace,
    recipe: Recipe,
    *,
    tags: Mapping[str, str] | None = None,
    parent: str = "",
    weights: bool = True,
) -> Watcher:
    """What logs a run to the experiment that --experiment names; see `experiments.logging_run.logged`.

    Raises:
        ExperimentError: MLflow is not installed, or refuses the experiment.
    """
    from model.experiments.logging_run import logged
    from model.experiments.server import check_experiment

    check_experiment(arguments.experiment)  # before anything is written
    about = {"task": task_of(arguments, recipe), **(tags or {})}
    return partial(logged, experiment=arguments.experiment, tags=about, parent=parent, weights=weights)


def _origin(arguments: argparse.Namespace) -> dict[str, Any]:
    """The hashes of the data, the command and the commit of its code, for run.json."""
    reading = reading_of(arguments)
    sets = {"data_sha256": arguments.data, "validation_sha256": arguments.validation}
    return {
        **{name: fingerprint(path, reading) if path else "" for name, path in sets.items()},
        run_json.MADE_BY: {"command": arguments.typed, "git_commit": git_commit()},
    }


def _refuse_options_of_other_tasks(arguments: argparse.Namespace, task: str) -> None:
    for other, actions in arguments.own.items():
        for action in actions:
            mine = {one.dest for one in arguments.own[task]}
            if action.dest not in mine and getattr(arguments, action.dest) is not None:
                raise ValueError(
                    f"{action.option_strings[0]} belongs to --task {other}, and the task is {task}: omit it"
                )


def _published(name: str) -> Bundle:
    """The published model of that name; fetched if it is missing."""
    if catalog.split_name(name)[0] in catalog.names():
        return catalog.find(name)
    # Imported here, so that refusing data does not wait for OpenVINO.
    from model.publishing.publish import publish_fetched
    from model.publishing.published import PUBLISHED

    if name not in PUBLISHED:
        known = ", ".join([*catalog.names(), *PUBLISHED])
        raise ValueError(f"there is no model {name!r}; there are: {known}")
    print(f"There is no model {name} yet: fetching it, as python -m model fetch {name} does.")
    return publish_fetched(PUBLISHED[name]).bundle
