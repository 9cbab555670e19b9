"""Training of a Mask R-CNN, as a part of `python -m model train`: its options and what they mean."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from model.data import DataSet, check_objects
from model.families.family import Imported
from model.families.mask_rcnn.augmentation import UPRIGHT
from model.families.mask_rcnn.config import BACKBONES, Config
from model.families.mask_rcnn.starting import Start, load_start, start_of
from model.families.mask_rcnn.training_plan import LAYER_STAGES, InstancePlan
from model.storage.manifest import Bundle
from model.training.data_sets import check_sets, named_in_run, open_sets
from model.training.learner import Learner
from model.training.options import plan_of
from model.training.prepared import Prepared
from model.training.recipe import Recipe, validated, words_of_the_command_line
from model.training.run_json import Asked, weights_in

CONFIG = Config
PLAN = InstancePlan


def add_arguments(group: argparse._ArgumentGroup) -> list[argparse.Action]:
    """See `families.family.Training`."""
    return [
        group.add_argument(
            "--exclude", metavar="LAYERS", help="layers not to read from --weights, comma-separated"
        ),
        group.add_argument(
            "--backbone", choices=BACKBONES, help="default: that of --weights, else resnet101"
        ),
        group.add_argument("--layers", choices=LAYER_STAGES, help="which layers learn"),
        group.add_argument("--picture-size", type=int, help="side of a training picture in pixels"),
        group.add_argument(
            "--upright",
            action="store_true",
            default=None,
            help="for photos: no quarter turns, no inversion",
        ),
    ]


def prepare(
    arguments: argparse.Namespace,
    recipe: Recipe,
    begun: Asked | None,
    published: Callable[[str], Bundle],
) -> Prepared:
    """See `families.family.Training`."""
    data, watched = open_sets(arguments)
    values = {**recipe.plan, **({"augmentation": UPRIGHT} if arguments.upright else {})}
    plan = plan_of(InstancePlan, arguments, values, begun, len(data))
    exclude = sorted({name.strip() for name in (arguments.exclude or "").split(",") if name.strip()})
    check_sets(data, watched)
    start = start_of(arguments.weights, exclude, data.classes, published, arguments.continue_from)
    config = _config(arguments, recipe.config, start, begun, len(data.classes))
    check_objects(data, config.max_gt_instances)

    def learner() -> Learner:
        return _learner(start, config, plan, data, watched, arguments.validation_pictures)

    asked = {
        "task": "instance",
        "config": config.to_json(),
        "plan": plan.model_dump(mode="json"),
        **named_in_run(arguments),
        "classes": data.classes,
        "weights": start.weights,
        "exclude": ",".join(exclude),
    }
    return Prepared(plan, asked, learner)


def package(run: Path, asked: Asked, folder: Path, about: Mapping[str, Any]) -> Imported:
    """See `families.family.Training`."""
    from model.families.mask_rcnn.importing import import_weights  # needs OpenVINO; training does not

    weights = weights_in(run)
    return import_weights(
        weights, folder, about["name"], list(asked["classes"]), dict(asked["config"]), about
    )


def _learner(
    start: Start, config: Config, plan: InstancePlan, data: DataSet, watched: DataSet, pictures: int
) -> Learner:
    # Imported here, since TensorFlow takes seconds to import.
    from model.families.mask_rcnn.learner import MaskRCNNLearner
    from model.families.mask_rcnn.network import MaskRCNN
    from model.families.mask_rcnn.validation import Validation

    network = MaskRCNN(config)
    for note in load_start(start, network, plan.layers):
        print(note)
    validation = Validation(watched, plan, pictures=pictures, held_out=watched is not data)
    return MaskRCNNLearner(network, data, plan, validation)


def _config(
    arguments: argparse.Namespace,
    recipe: dict[str, Any],
    start: Start,
    begun: Asked | None,
    classes: int,
) -> Config:
    """The config of a new run, or of one that has begun."""
    given = {"backbone": arguments.backbone, "learning_rate": arguments.learning_rate}
    values = {**recipe, **{name: value for name, value in given.items() if value is not None}}
    in_file = start.config.get("backbone")
    if in_file and values.get("backbone", in_file) != in_file:
        raise ValueError(
            f"{arguments.weights or arguments.continue_from} has the backbone {in_file}, not "
            f"{values['backbone']}: omit --backbone, or give {in_file}"
        )
    with words_of_the_command_line(given):
        usual = {"image_resize_mode": _usual_resize_mode(begun)}
        config = validated(Config, {**usual, **start.config, **values, "num_classes": classes})
    if not config.train_bn and not start.weights:
        raise ValueError(
            "batch norm does not learn (train_bn is false), so a network cannot start with random weights: "
            "start from trained --weights, such as imagenet or coco, or use a --config with train_bn, such "
            "as model/recipes/nuclei.json"
        )
    if config.image_resize_mode in ("crop", "none"):
        raise ValueError(
            f"image_resize_mode {config.image_resize_mode!r} is not supported, as training makes its own "
            'crops at the scale of detection: use "fit64" or "square"'
        )
    return config


def _usual_resize_mode(begun: Asked | None) -> str:
    """The resize mode of bundles, since a run becomes a bundle; a run that has begun keeps its own."""
    return begun.get("config", {}).get("image_resize_mode", "fit64") if begun else "fit64"
