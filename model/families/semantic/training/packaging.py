"""Packaging: makes a bundle of a training run, with compiled stages and the weights to train on from."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from model.families.family import Imported
from model.families.semantic.config import SemanticConfig
from model.families.semantic.importer import import_semantic
from model.families.semantic.specification import Options
from model.families.semantic.training.config import Gives, NetworkConfig
from model.families.semantic.training.starting import TRAINED
from model.families.semantic.training.weights import fill, read_weights
from model.families.semantic.unet import build_unet
from model.storage.writing import update_manifest
from model.training.recipe import validated
from model.training.run_json import Asked, weights_in


def bundle_of_run(run: Path, asked: Asked, folder: Path, about: Mapping[str, Any]) -> Imported:
    """See `families.family.Training.package`."""
    path = weights_in(run)
    classes = list(asked["classes"])
    config = validated(NetworkConfig, asked["config"])
    gives: Gives = asked["config"]["gives"]
    semantic = config.semantic(gives)
    network = build_unet(replace(config.unet(len(classes), gives), size=config.size))
    fill(network, read_weights(path), str(path))
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place) / f"{about['name']}.keras"
        network.save(whole)
        made = import_semantic(
            whole,
            folder,
            about["name"],
            _options(semantic, classes, config.threshold),
            {"source": f"trained: {run.name}", **about},
        )
    shutil.copyfile(path, folder / TRAINED)
    defaults = asdict(SemanticConfig())
    config_values = {name: value for name, value in asdict(semantic).items() if value != defaults[name]}
    bundle = update_manifest(made.bundle, config=config_values)
    return replace(made, bundle=bundle, sentences=())


def _options(config: SemanticConfig, classes: list[str], threshold: float) -> Options:
    """What the importer cannot know from the graph; the rest of the config is written afterwards."""
    open_size = config.size is None
    return Options(
        classes=classes[1:],
        fit=None if open_size else config.fit,
        divisor=config.divisor if open_size else None,
        max_side=config.max_side if open_size else None,
        tile_overlap=config.tile_overlap if config.fit == "tile" else None,
        channels=config.channels,
        value_range=config.value_range,
        activation=config.activation,
        threshold=threshold,
        background=config.background,
    )
