"""Importing: makes a bundle from a weight file; refuses options that do not fit the file."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.checking.finite import FiniteRunner
from model.engines.stages import Runner
from model.families.family import Imported
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.stages import EngineStages
from model.families.mask_rcnn.weights import LayerWeights, WeightsError, fill, read_weights, save_weights
from model.storage.writing import check_values, write_manifest

TRIAL_SIDE = 128
"""Pixels of the picture on which each stage is tried; two of the coarsest cells a side."""

BACKBONE_OF_STAGE4_BLOCKS = {6: "resnet50", 23: "resnet101", 2: "resnet_small"}


def shape_in(stored: Mapping[str, LayerWeights], file_name: str) -> dict[str, Any]:
    """The Config values that a weight file determines: backbone, number of classes and widths.

    Raises:
        WeightsError: these are not the weights of a Mask R-CNN.
    """
    blocks = sum(name.startswith("res4") and name.endswith("branch2a") for name in stored)
    if blocks not in BACKBONE_OF_STAGE4_BLOCKS:
        raise WeightsError(
            f"{file_name} does not hold a Mask R-CNN with one of these backbones: "
            f"{', '.join(BACKBONE_OF_STAGE4_BLOCKS.values())} (stage 4 has {blocks} blocks)"
        )
    try:
        return {
            "backbone": BACKBONE_OF_STAGE4_BLOCKS[blocks],
            "num_classes": len(stored["mrcnn_class_logits"]["bias"]),
            "top_down_pyramid_size": len(stored["fpn_c5p5"]["bias"]),
            "fpn_classif_fc_layers_size": len(stored["mrcnn_class_conv1"]["bias"]),
            "rpn_width": len(stored["rpn_conv_shared"]["bias"]),
            "mask_width": len(stored["mrcnn_mask_deconv"]["bias"]),
        }
    except KeyError as missing:
        raise WeightsError(
            f"{file_name} does not hold a complete Mask R-CNN (it has no {missing.args[0]}): "
            "save it with Matterport's model.keras_model.save_weights after training"
        ) from None


def config_for(
    shape: Mapping[str, Any], wanted: Mapping[str, Any], classes: list[str], file_name: str
) -> Config:
    """The Config for a weight file of that shape, as the user wants it.

    Raises:
        ValueError: `wanted` or `classes` contradicts the file; the message says what would fit.
    """
    if len(classes) != shape["num_classes"]:
        raise ValueError(
            f"{file_name} has {shape['num_classes']} classes including the background, so "
            f"{shape['num_classes'] - 1} names are needed, one per line; {len(classes) - 1} were given "
            "(a background called BG or background is not counted)"
        )
    for name, value in wanted.items():
        if name in shape and value != shape[name]:
            raise ValueError(
                f"{file_name} has {name} {shape[name]}, not {value}: omit {name} or give {shape[name]}"
            )
    values = {"image_resize_mode": "fit64", **shape, **wanted}
    if values["image_resize_mode"] == "crop":
        raise ValueError(
            'the resize mode "crop" is for training: a model with it detects nothing; use "fit64" or "square"'
        )
    if values["image_resize_mode"] == "none":
        raise ValueError(
            'the resize mode "none" takes only pictures whose sides are multiples of 64, so that nearly all '
            'would be refused: use "fit64", or "square" with --min-dim and --max-dim of your pictures'
        )
    return Config.from_json(values)


def import_weights(
    weights: Path,
    folder: Path,
    name: str,
    classes: list[str],
    wanted: Mapping[str, Any],
    about: Mapping[str, Any],
    exclude: Sequence[str] = (),
) -> Imported:
    """Make a bundle from a weight file, after loading it for real.

    Args:
        weights: Matterport's `.h5`, or `model.weights.h5` of a training run.
        folder: where to write the bundle.
        name: of the bundle: lower-case letters, digits, dot, dash and underscore.
        classes: class names, background first.
        wanted: Config values that the file cannot tell, such as `image_max_dim`.
        about: manifest values: licence, source, threshold, …
        exclude: layers of the file that are not the network's.

    Raises:
        WeightsError, ValueError: the file does not fit; see `config_for` and `fill`.
        BundleError: a stage of the network gives values that are not finite.
    """
    stored = read_weights(weights, exclude)
    config = config_for(shape_in(stored, weights.name), wanted, classes, weights.name)

    file_name = "model.weights.h5"
    values = {
        "name": name,
        "version": "1",
        "task": "instance",
        "classes": classes,
        "threshold": config.detection_min_confidence,
        "max_segments": config.detection_max_instances,
        "config": _without_defaults(config),
        "weights": file_name,
        **about,
    }
    check_values(values)

    # Here: a refusal must not wait for TensorFlow.
    from model.families.mask_rcnn.network import MaskRCNN, runner_of

    network = MaskRCNN(config)
    fill(network.layers, stored, weights.name)
    runner = runner_of(network)
    _run_each_stage(FiniteRunner(name, runner), config)
    if exclude:  # else the bundle could not be read without `exclude`
        save_weights(network.layers, folder / file_name)
    else:
        shutil.copyfile(weights, folder / file_name)
    bundle = write_manifest(folder, values)
    count = config.num_classes - 1
    summary = f"{config.backbone}, {count} class{'es' * (count > 1)}"
    return Imported(bundle, runner, summary)


def _run_each_stage(runner: Runner, config: Config) -> None:
    """Run every stage once on noise, with fixed RoIs: without any objects, the mask head would not run."""
    stages = EngineStages(runner, config)
    noise = np.random.default_rng(0).uniform(-128, 128, (1, TRIAL_SIDE, TRIAL_SIDE, 3)).astype(np.float32)
    features, _, _ = stages.trunk(noise)
    rois = np.array([[[0.0, 0.0, 1.0, 1.0], [0.25, 0.25, 0.5, 0.75]]], np.float32)
    stages.box_head(features, rois)
    stages.mask_head(features, rois, np.ones((1, 2), np.int32))


def _without_defaults(config: Config) -> dict[str, Any]:
    defaults = Config().to_json()
    values = dataclasses.asdict(config)
    return {name: value for name, value in values.items() if value != defaults[name]}
