"""Training of a classifier, as a part of `python -m model train`: its options and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from model.data.classified import ClassifiedFolder, open_classified
from model.data.findings import say
from model.families.classifier.config import NETWORKS, ClassifierConfig
from model.families.classifier.training.plan import ClassifyPlan
from model.families.classifier.training.starting import Start, load_start, start_of
from model.families.family import Imported
from model.storage.manifest import Bundle
from model.training.data_sets import named_in_run
from model.training.learner import Learner
from model.training.options import plan_of
from model.training.prepared import Prepared
from model.training.recipe import Recipe, validated, words_of_the_command_line
from model.training.run_json import Asked, weights_in

CONFIG = ClassifierConfig
PLAN = ClassifyPlan


def add_arguments(group: argparse._ArgumentGroup) -> list[argparse.Action]:
    """See `families.family.Training`."""
    return [
        group.add_argument("--network", choices=NETWORKS, help="default: that of --weights, else squeezenet"),
        group.add_argument(
            "--freeze",
            type=float,
            metavar="SHARE",
            help="share of the layers that keep their weights (default: 0)",
        ),
    ]


def prepare(
    arguments: argparse.Namespace,
    recipe: Recipe,
    begun: Asked | None,
    published: Callable[[str], Bundle],
) -> Prepared:
    """See `families.family.Training`."""
    data = open_classified(arguments.data)
    watched = open_classified(arguments.validation, data.classes) if arguments.validation else data
    plan = plan_of(ClassifyPlan, arguments, recipe.plan, begun, len(data))
    _check_class_weights(plan, data)
    for one in (data, watched) if watched is not data else (data,):
        say(one.findings(), one.path)
    start = start_of(arguments.weights, arguments.continue_from, published)
    config = _config(arguments, recipe.config, start)

    def learner() -> Learner:
        return _learner(start, config, plan, data, watched, arguments.validation_pictures)

    asked = {
        "task": "classify",
        "config": config.to_json(),
        "plan": plan.model_dump(mode="json"),
        **named_in_run(arguments),
        "classes": data.classes,
        "weights": start.weights,
    }
    return Prepared(plan, asked, learner)


def package(run: Path, asked: Asked, folder: Path, about: Mapping[str, Any]) -> Imported:
    """See `families.family.Training`."""
    from model.families.classifier.importing import import_weights

    config = dict(asked["config"])
    return import_weights(weights_in(run), folder, about["name"], list(asked["classes"]), config, about)


def _learner(
    start: Start,
    config: ClassifierConfig,
    plan: ClassifyPlan,
    data: ClassifiedFolder,
    watched: ClassifiedFolder,
    pictures: int,
) -> Learner:
    # Imported here, since TensorFlow takes seconds to import.
    from model.families.classifier.network import ClassifierNetwork
    from model.families.classifier.training.learner import ClassifierLearner, frozen_layers
    from model.families.classifier.training.validation import Validation

    network = ClassifierNetwork(config, len(data.classes))
    for note in load_start(start, network, data.classes, frozen_layers(len(network.base), plan)):
        print(note)
    validation = Validation(watched, plan.batch_size, pictures=pictures, held_out=watched is not data)
    return ClassifierLearner(network, data, plan, validation)


def _config(arguments: argparse.Namespace, recipe: Mapping[str, Any], start: Start) -> ClassifierConfig:
    given = {"network": arguments.network} if arguments.network else {}
    values = {**recipe, **given}
    in_file = start.config.get("network")
    if in_file and values.get("network", in_file) != in_file:
        raise ValueError(
            f"{start.source} is a {in_file}, not a {values['network']}: omit --network, or give {in_file}"
        )
    with words_of_the_command_line(given):
        return validated(ClassifierConfig, {**start.config, **values})


def _check_class_weights(plan: ClassifyPlan, data: ClassifiedFolder) -> None:
    named = plan.class_weights if isinstance(plan.class_weights, dict) else {}
    if unknown := [name for name in named if name not in data.classes]:
        raise ValueError(
            f"class_weights names {', '.join(unknown)}, but the classes of --data are "
            f"{', '.join(data.classes)}"
        )
