"""`python -m model package`: make a model that can be served from a training run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.commands.arguments import add_way_to_run
from model.commands.measuring import Data, measure
from model.commands.observing import Observer
from model.commands.placing import add_placing, check_place, next_version, version_beside
from model.commands.report import say_published
from model.data import Reading, open_data
from model.data.classified import open_classified
from model.data.findings import say
from model.data.fingerprint import fingerprint
from model.evaluation.known_classes import KnownClasses
from model.families.family import Family
from model.families.registry import FAMILIES
from model.pictures import read
from model.publishing.publish import manifest_of, publish
from model.publishing.replaced import taken_over
from model.segmenter import load
from model.storage.manifest import Manifest
from model.storage.writing import update_manifest
from model.training import run_json
from model.training.run_json import Asked, RunError

UNKNOWN = "unknown"
"""The licence of a model for which none is given."""


@dataclass(frozen=True)
class Validation:
    """The validation data of a run, as they are now.

    Attributes:
        data: the pictures and what is on them.
        data_sha256: see `model.data.fingerprint`.
    """

    data: Data
    data_sha256: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("run_folder", type=Path, metavar="RUN", help="the --out of python -m model train")
    parser.add_argument("name", metavar="NAME", help="name for the model")
    parser.add_argument(
        "--version",
        help="version of the model (default: one more than that of the existing model, else 1)",
    )
    add_placing(parser)
    parser.add_argument(
        "--licence", help="licence of the weights (default: that of the model it replaces, else unknown)"
    )
    parser.add_argument(
        "--description",
        help="purpose of the model, in one sentence (default: that of the model it replaces)",
    )
    parser.add_argument(
        *("--sample", "--self-test"),
        type=Path,
        metavar="IMAGE",
        help="picture for the self-test: the model must find something in it, and the same at every start "
        "(default: an included picture)",
    )
    parser.add_argument(
        "--no-evaluate",
        action="store_true",
        help="do not measure the model on the run's validation data",
    )
    add_way_to_run(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the bundle, measure it, and print how to serve it."""
    folder, name = arguments.run_folder, arguments.name
    check_place(name, "NAME", arguments)
    asked = run_json.of_run(folder)
    family = _family_of(folder, asked)
    run_json.weights_in(folder)  # refuses a run without any, before the data are read
    assert family.training is not None
    replaced = manifest_of(name)
    beside = version_beside(name, arguments, replaced)
    about = _about(arguments, asked, family, replaced)
    validation = None if arguments.no_evaluate else _validation(asked, family)
    sample = read(arguments.sample) if arguments.sample else None
    training = family.training
    published = publish(
        name, lambda place: training.package(folder, asked, place, about), replaced, sample, beside
    )
    made = name if beside is None else f"{name}@{beside}"
    say_published(published)
    if arguments.licence is None and replaced is not None and replaced.licence != UNKNOWN:
        _say_licence(replaced.licence)
    _say_how_far(folder, asked)
    if validation is None:
        why = "--no-evaluate was given" if arguments.no_evaluate else "the run had no --validation"
        print(
            f"Quality was not measured, since {why}. To measure it: python -m model evaluate --model {made} "
            "--data DATA --record"
        )
        return 0
    _measure(made, validation, arguments.engine, arguments.precision)
    return 0


def _family_of(folder: Path, asked: Asked) -> Family:
    task = asked.get("task", "instance")  # runs from when there was only one have none
    for family in FAMILIES.values():
        if family.task == task and family.training is not None:
            return family
    known = ", ".join(family.task for family in FAMILIES.values() if family.training is not None)
    raise RunError(f"{folder}/run.json has the task {task!r}, which cannot be packaged: there are {known}")


def _about(
    arguments: argparse.Namespace, asked: Asked, family: Family, replaced: Manifest | None
) -> dict[str, Any]:
    """The manifest values that do not come from the weights."""
    values: dict[str, Any] = {"licence": UNKNOWN}
    if replaced is not None:
        values |= {**taken_over(replaced, family.task), "licence": replaced.licence}
        if replaced.family == family.name:  # chosen for serving, unlike the run's
            values |= {"threshold": replaced.threshold, "tile_overlap": replaced.tile_overlap}
    given = {"licence": arguments.licence, "description": arguments.description}
    made = asked.get(run_json.MADE_BY, {})
    run = arguments.run_folder.resolve()
    data, validation = (Path(asked.get(name) or "").name for name in ("data", "validation"))
    return {
        **values,
        **{name: value for name, value in given.items() if value is not None},
        "name": arguments.name,
        "version": arguments.version or next_version(replaced),
        "source": f"trained on {data}{_start_of(asked)}",
        "made_by": made.get("command", ""),
        "training": {
            "run": run.name,
            "steps": run_json.steps_done(run),
            "data": data,
            "data_sha256": asked.get("data_sha256", ""),
            "validation": validation,
            "validation_sha256": asked.get("validation_sha256", ""),
            "git_commit": made.get("git_commit", ""),
        },
    }


def _start_of(asked: Asked) -> str:
    start = asked.get("continue_from") or asked.get("weights") or ""
    return f", starting from {Path(start).name}" if start else ""


def _validation(asked: Asked, family: Family) -> Validation | None:
    """The run's validation data, checked; None if it had none.

    Raises:
        ValueError: they are no longer there, or have other classes.
    """
    if not asked.get("validation"):
        return None
    path = Path(asked["validation"])
    if not path.exists():
        raise ValueError(
            f"the validation data of the run, {path}, are no longer there: restore them, or add "
            "--no-evaluate and measure the model with python -m model evaluate"
        )
    classes = list(asked["classes"])
    reading = Reading(
        exif=asked.get("exif") or None,
        class_attribute=asked.get("class_attribute") or None,
        classes=classes,
    )
    data: Data
    if family.task == "classify":
        data = open_classified(path, classes)
    else:
        data = open_data(path, reading)
        KnownClasses(data, classes)  # refuses data of other classes
    say(data.findings(), data.path)
    data_sha256 = fingerprint(path, reading)
    if (asked.get("validation_sha256") or data_sha256) != data_sha256:
        print(f"The files of {path} have changed since the run; quality is measured on what is there now.")
    return Validation(data, data_sha256)


def _say_licence(licence: str) -> None:
    print(
        f"The licence, {licence}, was taken over from the replaced model. If another one holds for the new "
        "weights, run the command again with --replace and --licence."
    )


def _say_how_far(folder: Path, asked: Mapping[str, Any]) -> None:
    done, steps = run_json.steps_done(folder), asked["plan"].get("steps")
    if done and steps and done < steps:
        print(f"The run has done {done} of {steps} steps.")


def _measure(name: str, validation: Validation, engine: str | None, precision: str | None) -> None:
    """Measure the model as it is served, store the figures in its manifest and print the tables."""
    segmenter = load(name, engine=engine, precision=precision)
    observer = Observer(segmenter.bundle.manifest)
    measured = measure(segmenter, validation.data, validation.data_sha256, observe=observer.add)
    baseline = observer.baseline_if_enough() if measured.is_of_whole_answers else None
    update_manifest(segmenter.bundle, quality=measured.quality, baseline=baseline)
    print(f"\nOn the run's validation data, {measured.images} images ({measured.how}):\n")
    print(measured.result.to_table())
