"""`python -m model tune`: search for better values of a training by many short runs."""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.commands import train
from model.commands.arguments import at_least_one
from model.families.registry import trainings
from model.training import run_json
from model.training.carrying_out import Watcher, carry_out
from model.training.options import check_options
from model.training.recipe import Recipe, read_recipe
from model.training.run_json import leaves, option
from model.training.stopping import Stopped

if TYPE_CHECKING:
    from model.experiments.search import Search
    from model.experiments.study import Claim, Study

REPORTS = 5
"""Reports of a trial, if neither the recipe nor an option says how often."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments: those of training, which apply to each trial, and those of the study."""
    parser.add_argument(
        "--study",
        type=Path,
        required=True,
        metavar="FILE",
        help="file of the study; give it again to continue",
    )
    parser.add_argument(
        "--trials", type=at_least_one, required=True, metavar="NUMBER", help="trials in all in the study"
    )
    parser.add_argument(
        "--train-best",
        type=Path,
        metavar="FOLDER",
        help="at the end, train with the best values here, for the steps of --config instead of --steps",
    )
    train.add_training_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do trials until the study has as many as asked for; print the best."""
    from model.experiments.results import draw_plots, write_table
    from model.experiments.search import search_of, with_values
    from model.experiments.study import Study, folder_beside

    check_options(arguments)
    if arguments.config is None:
        raise ValueError(
            "--config is missing: give a recipe with a section search, which names the values to try; see "
            "docs/experiments.md"
        )
    recipe = read_recipe(arguments.config, arguments.set)
    training = trainings()[train.task_of(arguments, recipe)]
    search = search_of(recipe, training.CONFIG, training.PLAN)
    _check(arguments, recipe, search)
    base = train.prepare(arguments, with_values(recipe, {}), None)
    trial_arguments = copy.copy(arguments)
    if not base.plan.report_every:
        trial_arguments.report_every = max(1, base.plan.steps // REPORTS)
    parent = ""
    if arguments.experiment is not None:
        from model.experiments.logging_run import check_resumed
        from model.experiments.server import check_experiment

        check_resumed(folder_beside(arguments.study), arguments.experiment)
        check_experiment(arguments.experiment)  # before anything is written
    study = Study(arguments.study, base.asked, search, dict(leaves(base.asked)))
    if arguments.experiment is not None:
        from model.experiments import study_run

        parent = study_run.begin(study, arguments.experiment)
    stopped, status = None, "KILLED"
    try:
        while stopped is None and (claim := study.claim(arguments.trials)) is not None:
            with claim:
                stopped = _try(trial_arguments, with_values(recipe, claim.values), study, claim, parent)
            write_table(study)
        if stopped is None:
            status = "FINISHED" if study.finished() >= arguments.trials else ""  # others are at work
    finally:
        files = [write_table(study), *draw_plots(study)]
        if parent:
            study_run.end(study, parent, files, status)
    if stopped is not None:
        print(f"{stopped}: repeat the command to continue from there", file=sys.stderr)
        return 128 + stopped.signal
    return _conclude(arguments, recipe, study, files)


def _check(arguments: argparse.Namespace, recipe: Recipe, search: Search) -> None:
    if arguments.validation is None:
        raise ValueError("trials are compared on validation data: give --validation")
    for name in search.values:
        last = name.rpartition(".")[2]
        if getattr(arguments, last, None) is not None:
            raise ValueError(f"{option(last)} sets a value that search.{name} varies: omit one of them")
        if any(setting.partition("=")[0] == name for setting in arguments.set):
            raise ValueError(f"--set {name} sets a value that search.{name} varies: omit one of them")
    if "plan.steps" in search.values and (arguments.epochs is not None or "epochs" in recipe.plan):
        raise ValueError("search.plan.steps and epochs both say how long to train: omit one of them")
    lengths = {"plan.steps", "plan.epochs"} & {*search.values, *(f"plan.{name}" for name in recipe.plan)}
    if arguments.train_best is not None and not lengths:
        raise ValueError(
            "--train-best trains for the steps of the recipe, which has none: set steps in its plan; --steps "
            "is the length of each trial"
        )


def _try(
    arguments: argparse.Namespace, recipe: Recipe, study: Study, claim: Claim, parent: str
) -> Stopped | None:
    """Do a trial and record how it ended; returns what stopped it, if it is to be continued later."""
    from model.experiments.pruning import Pruned, best_of, reported

    print(
        f"Trial {claim.number}{' (continued)' if claim.resumed else ''}: {_shown(claim.values)}", flush=True
    )
    watchers: list[Watcher] = []
    if arguments.experiment is not None:
        tags = {"study": str(study.path), "trial": str(claim.number)}
        watchers.append(train.watcher(arguments, recipe, tags=tags, parent=parent, weights=False))
    watchers.append(partial(reported, study=study, claim=claim))
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # findings in the data have been printed once
            prepared = train.prepare(arguments, recipe, run_json.read(claim.folder))
        done = carry_out(prepared, claim.folder, arguments.checkpoint_seconds, watchers)
        best = best_of(done.history)
        if best is None:
            raise ValueError("no report has a finite figure on validation data")
        study.complete(claim, *best)
    except Stopped as stopped:
        return stopped
    except Pruned as pruned:
        study.prune(claim, str(pruned))
    except OSError:  # a full disk, say: the trial is continued when the command is repeated
        raise
    except Exception as error:
        study.fail(claim, str(error))
        if not isinstance(error, ValueError) and not _is_out_of_memory(error):
            raise
    finally:
        _forget_the_network()
    print(f"Trial {claim.number}: {_outcome(study, claim.number)}", flush=True)
    return None


def _conclude(arguments: argparse.Namespace, recipe: Recipe, study: Study, files: Sequence[Path]) -> int:
    """Print the results, and train with the best values if asked to."""
    from model.experiments.search import with_values

    best, running = study.best(), [one for one in study.trials if one.state.name == "RUNNING"]
    print(f"Results: {', '.join(map(str, files))}")
    if best is None:
        raise ValueError(f"no trial has been completed; {files[0]} has the reasons")
    print(f"Best of {len(study.trials)}: trial {best.number}, {_outcome(study, best.number)}")
    print(f"  {_shown(study.values_of(best))}")
    done = [one.value for one in study.trials if one.state.name == "COMPLETE"]
    if len(done) > 1 and len(set(done)) == 1:
        print(f"All completed trials have the same {study.metric.removeprefix('-')}: give them more --steps.")
    if running:
        print(f"{len(running)} of the trials are still running in other processes.")
        if arguments.train_best:
            print("Repeat the command when they have ended, to train with the best values.")
        return 0
    if arguments.train_best is None:
        print(
            "To train with these values for the steps of --config, repeat the command with "
            "--train-best FOLDER"
        )
        return 0
    long = copy.copy(arguments)
    long.out, long.steps, long.epochs = arguments.train_best, None, None
    return train.carry_out_as_asked(long, with_values(recipe, study.values_of(best)))


def _outcome(study: Study, number: int) -> str:
    from model.experiments.study import BEST_STEP, REASON

    trial = study.trials[number]
    if trial.state.name == "COMPLETE":
        name = study.metric
        value = study.figure_of(trial)
        return f"{name.removeprefix('-')} {value:.4g} at step {trial.user_attrs.get(BEST_STEP)}"
    words = {"PRUNED": "ended early", "FAIL": "failed"}
    return f"{words.get(trial.state.name, trial.state.name.lower())}: {trial.user_attrs.get(REASON, '')}"


def _shown(values: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in values.items()
    )


def _is_out_of_memory(error: Exception) -> bool:
    """Whether a network was too large for the memory, in the words of TensorFlow, JAX or PyTorch."""
    text = f"{type(error).__name__} {error}"
    return isinstance(error, MemoryError) or any(
        words in text for words in ("ResourceExhausted", "RESOURCE_EXHAUSTED", "OutOfMemory")
    )


def _forget_the_network() -> None:
    import keras

    keras.backend.clear_session()
