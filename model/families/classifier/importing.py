"""Importing: makes a bundle from the weights of a trained classifier."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from model.families.classifier.config import ClassifierConfig
from model.families.classifier.weights import HEAD, WeightsError, fill, network_in, read_weights
from model.families.family import Imported
from model.storage.writing import write_manifest

THRESHOLD = 0.5
"""The least probability of a class to be believed, by default."""
FILE = "model.weights.h5"


def import_weights(
    weights: Path,
    folder: Path,
    name: str,
    classes: Sequence[str],
    wanted: Mapping[str, Any],
    about: Mapping[str, Any],
) -> Imported:
    """Make a bundle from a weight file, after loading it.

    Args:
        weights: `model.weights.h5` or `best.weights.h5` of a training run.
        folder: where to write the bundle.
        name: of the bundle.
        classes: class names, without a background.
        wanted: values of `ClassifierConfig`.
        about: manifest values: licence, source, …

    Raises:
        WeightsError: the file is not that of a classifier with these classes.
    """
    stored = read_weights(weights)
    if HEAD not in stored:
        raise WeightsError(f"{weights.name} has no layer for classes: train it first, with --task classify")
    if len(stored[HEAD]["bias"]) != len(classes):
        raise WeightsError(
            f"{weights.name} has {len(stored[HEAD]['bias'])} classes, but {len(classes)} names were given"
        )
    config = ClassifierConfig.from_json({"network": network_in(stored), **wanted})

    # Here: a refusal must not wait for TensorFlow.
    from model.families.classifier.network import ClassifierNetwork

    network = ClassifierNetwork(config, len(classes))
    fill([layer for layer in network.model.layers if layer.weights], stored, weights.name)
    shutil.copyfile(weights, folder / FILE)
    values = {
        "name": name,
        "version": "1",
        "family": "classifier",
        "task": "classify",
        "classes": list(classes),
        "threshold": THRESHOLD,
        "licence": "unknown",
        "source": f"imported from {weights.name}",
        "config": config.differences(),
        "weights": FILE,
        **about,
    }
    summary = f"{config.network} at {config.size} x {config.size} pixels, {len(classes)} classes"
    return Imported(write_manifest(folder, values), network.runner(), summary)
