"""`python -m model train --task instance`: trains a Mask R-CNN on labelled images."""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError

from model.data import DataError, Reading, check_data, check_objects, open_data
from model.families.mask_rcnn import run_json
from model.families.mask_rcnn.augmentation import UPRIGHT
from model.families.mask_rcnn.config import BACKBONES, Config
from model.families.mask_rcnn.starting import Start, load_start, start_of
from model.families.mask_rcnn.stopping import Stopped
from model.families.mask_rcnn.training_plan import LAYER_STAGES, OPTIMIZERS, Plan
from model.storage.manifest import Bundle
from model.storage.problems import problems_in


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
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
    parser.add_argument("--out", type=Path, required=True, help="run folder; give it again to continue")
    parser.add_argument("--recipe", type=Path, help="JSON file with values of the config and the plan")
    parser.add_argument(
        "--weights",
        metavar="imagenet|coco|FILE",
        help="weights to start from: a backbone trained on ImageNet, Matterport's COCO model, or a file "
        "(.h5, Matterport's or a run's)",
    )
    parser.add_argument("--exclude", default="", help="layers not to read from --weights, comma-separated")
    parser.add_argument("--backbone", choices=BACKBONES, help="default: that of --weights, else resnet101")
    parser.add_argument("--layers", choices=LAYER_STAGES, help="which layers learn")
    parser.add_argument("--optimizer", choices=OPTIMIZERS, help="default: adamw; Matterport's is sgd")
    parser.add_argument("--steps", type=int, help="training steps in all; raise it to extend a finished run")
    parser.add_argument("--batch-size", type=int, help="pictures per step")
    parser.add_argument("--picture-size", type=int, help="side of a training picture in pixels")
    parser.add_argument("--learning-rate", type=float, help="peak learning rate")
    parser.add_argument("--warmup-steps", type=int, help="steps to reach the peak learning rate")
    parser.add_argument("--seed", type=int, help="random seed; another seed gives another result")
    parser.add_argument(
        "--checkpoint-seconds", type=float, default=300, help="seconds between checkpoints (default: 300)"
    )
    parser.add_argument("--upright", action="store_true", help="for photos: no quarter turns, no inversion")


def run(arguments: argparse.Namespace, published: Callable[[str], Bundle]) -> int:
    """Train; continue the run if the folder already holds it."""
    _check_numbers(arguments)
    recipe = _read_recipe(arguments.recipe) if arguments.recipe else Recipe()
    reading = Reading(exif=arguments.exif, class_attribute=arguments.class_attribute)
    data = open_data(arguments.data, reading)
    named_alike = dataclasses.replace(reading, classes=data.classes)
    watched = open_data(arguments.validation, named_alike) if arguments.validation else data
    if watched.classes != data.classes:
        raise DataError(
            f"--data has the classes {', '.join(data.classes[1:])}, but --validation has "
            f"{', '.join(watched.classes[1:])}: both must have the same classes in the same order"
        )
    begun = run_json.read(arguments.out)
    plan = _plan(arguments, recipe.plan, begun)
    exclude = sorted({name.strip() for name in arguments.exclude.split(",") if name.strip()})
    check_data(data)
    if watched is not data:
        check_data(watched)
    start = start_of(arguments.weights, exclude, data.classes, published)
    config = _config(arguments, recipe.config, start, begun, len(data.classes))
    check_objects(data, config.max_gt_instances)

    # After the arguments have been checked, since TensorFlow takes seconds to import.
    import keras

    from model.families.mask_rcnn.network import MaskRCNN
    from model.families.mask_rcnn.run_folder import RunFolder, locked
    from model.families.mask_rcnn.training import train
    from model.families.mask_rcnn.validation import Validation

    asked = {
        "config": config.to_json(),
        "plan": dataclasses.asdict(plan),
        "data": str(arguments.data.resolve()),
        "validation": str(arguments.validation.resolve()) if arguments.validation else "",
        "exif": arguments.exif or "",
        "class_attribute": arguments.class_attribute or "",
        "classes": data.classes,
        "weights": start.weights,
        "exclude": ",".join(exclude),
    }
    keras.utils.set_random_seed(plan.seed)
    network = MaskRCNN(config)
    for note in load_start(start, network, plan.layers):
        print(note)
    del start  # frees the arrays of the weight file, hundreds of megabytes
    held_out = watched is not data
    validation = Validation(watched, plan, pictures=arguments.validation_pictures, held_out=held_out)
    # Last, so that a refused command leaves no files behind.
    with locked(arguments.out):
        run_folder = RunFolder(arguments.out, asked, arguments.checkpoint_seconds)
        try:
            train(network, data, plan, run_folder, validation)
        except Stopped as stopped:
            print(f"{stopped}: repeat the command to continue from there", file=sys.stderr)
            return 128 + stopped.signal  # the shell's convention
    print(f"Weights: {run_folder.weights_path}")
    if run_folder.best_path.exists():
        print(f"Best on --validation: {run_folder.best_path}")
    return 0


@dataclasses.dataclass(frozen=True)
class Recipe:
    """The contents of a recipe file: values of a Config and of a Plan."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    plan: dict[str, Any] = dataclasses.field(default_factory=dict)


def _check_numbers(arguments: argparse.Namespace) -> None:
    """Check the numbers that belong to neither the config nor the plan."""
    if arguments.validation_pictures < 1:
        raise ValueError(f"--validation-pictures {arguments.validation_pictures} must be at least 1")
    if not arguments.checkpoint_seconds >= 0:
        raise ValueError(f"--checkpoint-seconds {arguments.checkpoint_seconds:g} must be 0 or more")


def _read_recipe(path: Path) -> Recipe:
    try:
        return TypeAdapter(Recipe).validate_json(path.read_bytes())
    except ValidationError as error:
        raise ValueError(f"{path} is not a valid recipe: {problems_in(error)}") from None


def _config(
    arguments: argparse.Namespace,
    recipe: dict[str, Any],
    start: Start,
    begun: run_json.Asked | None,
    classes: int,
) -> Config:
    """The config of a new run, or of one that has begun."""
    given = {"backbone": arguments.backbone, "learning_rate": arguments.learning_rate}
    values = {**recipe, **{name: value for name, value in given.items() if value is not None}}
    in_file = start.config.get("backbone")
    if in_file and values.get("backbone", in_file) != in_file:
        raise ValueError(
            f"{arguments.weights} has the backbone {in_file}, not {values['backbone']}: omit --backbone, or "
            f"give {in_file}"
        )
    with _words_of_the_command_line(given):
        usual = {"image_resize_mode": _usual_resize_mode(begun)}
        config = Config.from_json({**usual, **start.config, **values, "num_classes": classes})
    if not config.train_bn and not start.weights:
        raise ValueError(
            "batch norm does not learn (train_bn is false), so a network cannot start with random weights: "
            "start from trained --weights, such as imagenet or coco, or use a --recipe with train_bn, such "
            "as model/recipes/nuclei.json"
        )
    if config.image_resize_mode in ("crop", "none"):
        raise ValueError(
            f"image_resize_mode {config.image_resize_mode!r} is not supported, as training makes its own "
            'crops at the scale of detection: use "fit64" or "square"'
        )
    return config


def _usual_resize_mode(begun: run_json.Asked | None) -> str:
    """The resize mode of bundles, since a run becomes a bundle; a run that has begun keeps its own."""
    return begun.get("config", {}).get("image_resize_mode", "fit64") if begun else "fit64"


def _plan(arguments: argparse.Namespace, recipe: dict[str, Any], begun: run_json.Asked | None) -> Plan:
    """The plan of a new run, or of one that has begun."""
    given = {
        field.name: value
        for field in dataclasses.fields(Plan)
        if (value := getattr(arguments, field.name, None)) is not None
    }
    values = {**recipe, **given}
    if "steps" not in values:
        raise ValueError("--steps is missing: give the number of training steps, such as --steps 5000")
    if arguments.upright:
        values["augmentation"] = UPRIGHT
    steps, warmup = values["steps"], values.get("warmup_steps", Plan.warmup_steps)
    if arguments.warmup_steps is None and isinstance(steps, int) and isinstance(warmup, int):
        # A short run gets a short warm-up; a run that is made longer keeps its own.
        had = begun.get("plan", {}).get("warmup_steps") if begun else None
        values["warmup_steps"] = min(warmup, steps // 5 if had is None else had)
    with _words_of_the_command_line(given):
        return Plan.from_json(values)


@contextmanager
def _words_of_the_command_line(given: Mapping[str, Any]) -> Iterator[None]:
    """Name the option in error messages about a value that an option gave: "--batch-size 0 must be …"."""
    try:
        yield
    except ValueError as error:
        message = str(error)
        for name, value in given.items():
            if value is not None:
                message = re.sub(rf"(?<![\w-]){name}(?!\w)", run_json.option(name), message)
        raise ValueError(message) from None
