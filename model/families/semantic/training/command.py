"""Training of a semantic model, as a part of `python -m model train`: its options and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.data import DataError, DataSet
from model.data.annotated import Annotated
from model.data.checks import objects_in
from model.data.findings import counted, say
from model.families.family import Imported
from model.families.semantic.training.config import Gives, NetworkConfig, Size
from model.families.semantic.training.plan import LOSSES, SemanticPlan
from model.families.semantic.training.starting import Start, check_start, network_of, start_of
from model.families.semantic.training.truth import gives_of, pixels_of_classes
from model.families.semantic.unet_config import ENCODERS
from model.storage.manifest import Bundle
from model.training.data_sets import check_sets, named_in_run, open_sets
from model.training.learner import Learner
from model.training.options import plan_of
from model.training.prepared import Prepared
from model.training.recipe import Recipe, validated, words_of_the_command_line
from model.training.run_json import Asked

CONFIG = NetworkConfig
PLAN = SemanticPlan
LARGEST_WEIGHT = 10.0
"""Of a class, with class_weights balanced: rarer classes would drown the rest."""


def add_arguments(group: argparse._ArgumentGroup) -> list[argparse.Action]:
    """See `families.family.Training`."""
    return [
        group.add_argument("--encoder", choices=ENCODERS, help="of the U-Net (default: mobilenet)"),
        group.add_argument("--loss", choices=LOSSES, help="what is made small (default: both)"),
    ]


def prepare(
    arguments: argparse.Namespace,
    recipe: Recipe,
    begun: Asked | None,
    published: Callable[[str], Bundle],
) -> Prepared:
    """See `families.family.Training`."""
    data, watched = open_sets(arguments)
    plan = plan_of(SemanticPlan, arguments, recipe.plan, begun, len(data))
    start = start_of(arguments.weights, arguments.continue_from, published)
    config = _config(arguments, recipe.config, start, data.classes)
    size = _size(config, plan)
    check_start(start, config.encoder, plan.freeze_encoder)
    check_sets(data, watched)
    _check_classes(data)
    gives = _gives(config, data)

    def learner() -> Learner:
        return _learner(start, config, gives, size, plan, data, watched, arguments.validation_pictures)

    asked = {
        "task": "semantic",
        "config": {**config.to_json(), "gives": gives},
        "plan": plan.model_dump(mode="json"),
        **named_in_run(arguments),
        "classes": data.classes,
        "weights": start.weights,
    }
    return Prepared(plan, asked, learner)


def package(run: Path, asked: Asked, folder: Path, about: Mapping[str, Any]) -> Imported:
    """See `families.family.Training`."""
    from model.families.semantic.training.packaging import bundle_of_run  # needs OpenVINO and Keras

    return bundle_of_run(run, asked, folder, about)


def _learner(
    start: Start,
    config: NetworkConfig,
    gives: Gives,
    size: Size,
    plan: SemanticPlan,
    data: DataSet,
    watched: DataSet,
    pictures: int,
) -> Learner:
    # Imported here, since TensorFlow takes seconds to import.
    from model.families.semantic.training.batches import BatchSource
    from model.families.semantic.training.learner import SemanticLearner
    from model.families.semantic.training.network import SemanticTrainer
    from model.families.semantic.training.validation import Validation

    network, notes = network_of(start, config.unet(len(data.classes), gives), data.classes)
    for note in notes:
        print(note)
    semantic = config.semantic(gives)
    weights = _balanced(data, gives) if plan.class_weights == "balanced" else None
    trainer = SemanticTrainer(network, plan, gives, weights)
    frozen_steps = 0 if plan.freeze_encoder is True else int(plan.freeze_encoder)
    source = BatchSource(
        data, semantic, gives, plan.augmentation, plan.batch_size, size, plan.seed, frozen_steps
    )
    validation = Validation(
        watched,
        plan,
        semantic,
        gives,
        config.threshold,
        size,
        pictures=pictures,
        held_out=watched is not data,
    )
    described = {**config.to_json(), "gives": gives}
    return SemanticLearner(network, trainer, source, plan, validation, described)


def _config(
    arguments: argparse.Namespace, recipe: Mapping[str, Any], start: Start, classes: Sequence[str]
) -> NetworkConfig:
    """The config of the network that the weights are of, changed by the recipe, then by the options."""
    before = start.config
    if start.classes != tuple(classes):
        before.pop("gives", None)  # other data decide that anew
    given = {"encoder": arguments.encoder}
    values = {**before, **recipe, **{name: value for name, value in given.items() if value is not None}}
    with words_of_the_command_line(given):
        return validated(NetworkConfig, values)


def _gives(config: NetworkConfig, data: Annotated) -> Gives:
    count = len(data.classes) - 1
    if config.gives == "binary" and count > 1:
        raise ValueError(
            f'gives "binary" is for one class, and the data have {count}: use "classes" or "labels", or '
            "omit it"
        )
    return config.gives or gives_of(data)


def _size(config: NetworkConfig, plan: SemanticPlan) -> Size:
    """(width, height) of a training picture."""
    size = plan.crop or config.size
    if size is None:
        raise ValueError(
            "crop is missing: without size in the config, the plan must say how large training pictures are, "
            "such as crop: [320, 320]"
        )
    divisor = config.semantic("binary").divisor
    if any(side % divisor for side in size):
        fitting = [-(-side // divisor) * divisor for side in size]
        raise ValueError(
            f"crop {list(size)}: both sides must be multiples of {divisor}, as the network halves them; "
            f"use {fitting}"
        )
    if config.size is not None and any(a > b for a, b in zip(size, config.size, strict=True)):
        raise ValueError(
            f"crop {list(size)} is larger than the network's size, {list(config.size)}: omit crop, or make "
            "size larger"
        )
    return size


def _check_classes(data: Annotated) -> None:
    """Report classes without a pixel; raise DataError if there is nothing to learn."""
    there = {class_id for picture in objects_in(data) for class_id in picture}
    if not there:
        raise DataError(
            f"none of the {len(data)} images in {data.path} has a pixel of a class: label some, or name "
            "other data"
        )
    lacking = [name for class_id, name in enumerate(data.classes) if class_id and class_id not in there]
    say(counted(lacking, "class has no pixel", "classes have no pixel"), data.path)


def _balanced(data: DataSet, gives: Gives) -> list[float]:
    """Weights that make all classes count alike, at most ten times and at least a tenth of the mean."""
    counts = pixels_of_classes(data, gives)
    there = counts > 0
    weights = np.ones(len(counts))
    weights[there] = counts.sum() / (there.sum() * counts[there])
    return [float(weight) for weight in np.clip(weights, 1 / LARGEST_WEIGHT, LARGEST_WEIGHT)]
