"""Starting: the weights that training starts from, and the Config values that they determine."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from model.families.mask_rcnn.training_plan import LAYER_STAGES
from model.families.mask_rcnn.weight_files import (
    CLASS_LAYERS,
    LAYER_NAME,
    LayerWeights,
    StoredLayer,
    WeightsError,
    by_name,
    stored_layers,
)
from model.families.mask_rcnn.weights import fill
from model.storage.manifest import Bundle
from model.storage.problems import some
from model.training import run_json

if TYPE_CHECKING:
    import keras

    from model.families.mask_rcnn.network import MaskRCNN

IMAGENET, COCO = "imagenet", "coco"
FAMILY = "mask_rcnn"


@dataclass(frozen=True)
class Start:
    """The weights that training starts from.

    Attributes:
        weights: "imagenet", "coco", the resolved path of a weight file, or "" for random weights.
        path: of the weight file, if there is one.
        stored: the weights read from it, by layer name.
        exclude: layers that are not read.
        config: Config values from the file, or from the run that made it.
        notes: sentences for the user about what was decided.
    """

    weights: str = ""
    path: Path | None = None
    stored: Mapping[str, LayerWeights] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    config: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def start_of(
    weights: str | None,
    exclude: Sequence[str],
    classes: Sequence[str],
    published: Callable[[str], Bundle],
    continued: str | None = None,
) -> Start:
    """The Start that `--weights` or `--continue-from`, and `--exclude`, select.

    Args:
        weights: "imagenet", "coco" or the path of a file.
        exclude: names of layers that are not read.
        classes: of the data, the background first.
        published: returns the published model of a name, downloaded if necessary.
        continued: the name of the model to start from, instead of `weights`.

    Raises:
        ValueError: there are no such weights, or their number of classes differs from the data's.
    """
    if continued:
        bundle = published(continued)
        start = _start_from_bundle(bundle, f"{continued}@{bundle.manifest.version}", exclude, classes)
        return replace(start, config={**bundle.manifest.config, **start.config})
    if not weights:
        if exclude:
            raise ValueError("--exclude names layers that are not read from --weights: give --weights too")
        return Start()
    if weights == IMAGENET:
        return Start(IMAGENET, exclude=tuple(exclude), notes=("The backbone starts from ImageNet.",))
    if weights == COCO:
        return _start_from_bundle(_coco(published), COCO, exclude, classes)
    path = Path(weights)
    start = _start_from_file(str(path.resolve()), path, exclude)
    count = start.config.get("num_classes", len(classes))
    if count != len(classes) and not set(CLASS_LAYERS) <= set(exclude):
        raise WeightsError(
            f"{path.name} has {count} classes including the background, but the data has {len(classes)} "
            f"({some(classes)}): correct the data's classes or, to train new class layers, add --exclude "
            f"{','.join(CLASS_LAYERS)}"
        )
    config, notes = _run_beside(path, classes, exclude)
    return replace(start, config={**config, **start.config}, notes=notes)


def load_start(start: Start, network: MaskRCNN, stage: str) -> list[str]:
    """Fill the network with weights, and return sentences about the layers that were not read.

    Args:
        start: the weights.
        network: to be trained.
        stage: which layers learn, a key of `LAYER_STAGES`.

    Raises:
        WeightsError: the weights do not fit; or a layer would start with random weights and not learn.
    """
    backbone = [layer.name for layer in network.layers if not re.fullmatch(LAYER_STAGES["heads"], layer.name)]
    if start.weights == IMAGENET:
        from model.families.mask_rcnn.imagenet import load_imagenet

        load_imagenet(network.layers, network.config.backbone, start.exclude)
        left = [layer.name for layer in network.layers if layer.name not in backbone]
        left += [name for name in backbone if name in start.exclude]
        unused: list[str] = []
    elif start.path is not None:
        left, unused = _load_what_there_is(network.layers, start, start.path.name, backbone)
    else:
        return list(start.notes)
    idle = [name for name in left if not re.fullmatch(LAYER_STAGES[stage], name)]
    if idle:
        raise WeightsError(
            f"{some(idle)} would keep random weights and not learn: use --layers {_least_stage(idle)} to "
            "train these layers too, or do not exclude them"
        )
    notes = list(start.notes)
    if start.path is not None and not left:
        notes.append(f"All {len(network.layers)} layers start from {start.path.name}.")
    if left:
        notes.append(f"{len(left)} of {len(network.layers)} layers start with random weights: {some(left)}.")
    if unused:
        notes.append(f"Ignored layers of the file that the network does not have: {some(unused)}.")
    return notes


def _load_what_there_is(
    layers: Sequence[keras.Layer], start: Start, file_name: str, backbone: Collection[str]
) -> tuple[list[str], list[str]]:
    """Fill layers that the file has; return the names of the others, and of those that only the file has."""
    names = [layer.name for layer in layers]
    unused = [name for name in start.stored if name not in names]
    left = [name for name in names if name not in start.stored]
    if lacking := [name for name in left if name in backbone and name not in start.exclude]:
        raise WeightsError(
            f"{file_name} lacks layers of the backbone: {some(lacking)}. If it is cut off, copy it again; "
            "to start these layers with random weights, name them in --exclude"
        )
    wanted = [layer for layer in layers if layer.name in start.stored]
    fill(wanted, {layer.name: start.stored[layer.name] for layer in wanted}, file_name)
    return left, unused


def _start_from_file(weights: str, path: Path, exclude: Sequence[str]) -> Start:
    """The Start for a weight file; the file is read only here."""
    layers = stored_layers(path)
    stored = by_name(layers, exclude, path.name)
    excluded = dict.fromkeys([*exclude, *(layer.name for layer in layers if layer.is_called(exclude))])
    return Start(weights, path, stored, tuple(excluded), _shape_of(layers, exclude, path))


def _shape_of(layers: Sequence[StoredLayer], exclude: Sequence[str], path: Path) -> dict[str, Any]:
    """The Config values that a file's layers determine; for a backbone without heads only its name."""
    from model.families.mask_rcnn.importing import BACKBONE_OF_STAGE4_BLOCKS, shape_in  # needs OpenVINO

    models = [name for name in exclude if not LAYER_NAME.fullmatch(name)]  # excluded layers still give widths
    stored = {layer.name: layer.arrays for layer in layers if not layer.is_called(models)}
    if all(name in stored for name in CLASS_LAYERS):
        return shape_in(stored, path.name)
    if any(name.startswith("conv4_block") for name in stored):
        raise WeightsError(
            f"{path.name} is a ResNet published by Keras: use --weights imagenet, which reads it from "
            "~/.keras/models"
        )
    blocks = sum(name.startswith("res4") and name.endswith("branch2a") for name in stored)
    if blocks not in BACKBONE_OF_STAGE4_BLOCKS:
        shape_in(stored, path.name)  # raises WeightsError
    return {"backbone": BACKBONE_OF_STAGE4_BLOCKS[blocks]}


def _run_beside(
    path: Path, classes: Sequence[str], exclude: Sequence[str]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The config of the training run that made the weights, if any, and notes about it."""
    try:
        asked = run_json.read(path.parent) or {}
    except run_json.RunError as error:
        raise ValueError(f"{error}; or move {path.name} to a separate folder") from None
    if not {"config", "classes"} <= asked.keys():
        return {}, ()
    notes = [f"Config values that are not given are taken from the run in {path.parent}."]
    if list(asked["classes"]) != list(classes) and CLASS_LAYERS[0] not in exclude:
        notes.append(
            f"That run's classes are {some(asked['classes'][1:])}, the data's are {some(classes[1:])}: the "
            "heads start from the run's weights; to start them with random weights, add --exclude "
            f"{','.join(CLASS_LAYERS)}."
        )
    return dict(asked["config"]), tuple(notes)


def _coco(published: Callable[[str], Bundle]) -> Bundle:
    """Matterport's published COCO model."""
    try:
        return published(COCO)
    except ValueError as error:
        raise WeightsError(f"{error}, or give a file with --weights FILE") from None


def _start_from_bundle(bundle: Bundle, weights: str, exclude: Sequence[str], classes: Sequence[str]) -> Start:
    """The Start from a model's weights; if its classes are others, without the class layers."""
    manifest = bundle.manifest
    if manifest.family != FAMILY:
        raise WeightsError(
            f"{manifest.name} is not a Mask R-CNN: its task is {manifest.task}, so give that --task"
        )
    if manifest.classes == list(classes):
        return _start_from_file(weights, bundle.weights_path, exclude)
    start = _start_from_file(weights, bundle.weights_path, [*exclude, *CLASS_LAYERS])
    note = f"The data's classes differ from those of {manifest.name}: {', '.join(CLASS_LAYERS)} are not read."
    return replace(start, notes=(note,))


def _least_stage(names: Sequence[str]) -> str:
    """The stage that trains the fewest layers, but all of these."""
    stages = ("heads", "5+", "4+", "3+", "all")
    return next(s for s in stages if all(re.fullmatch(LAYER_STAGES[s], name) for name in names))
