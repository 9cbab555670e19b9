"""Choosing layers: which of the network's layers learn, by a regular expression for their names."""

from __future__ import annotations

import re
from collections.abc import Sequence

import keras

from model.families.mask_rcnn.training_plan import LAYER_STAGES


def choose_layers(layers: Sequence[keras.Layer], layer_regex: str) -> list[keras.Layer]:
    """Let the layers learn whose whole name matches, and no others; returns them.

    Raises:
        ValueError: no layer with weights matches, or it is no regular expression.
    """
    try:
        pattern = re.compile(layer_regex)
    except re.error as error:
        raise ValueError(f"layers={layer_regex!r} is no regular expression: {error}") from None
    with_weights = [layer for layer in layers if layer.weights]
    chosen = [layer for layer in with_weights if pattern.fullmatch(layer.name)]
    if not chosen:
        raise ValueError(
            f"no layer's name matches {layer_regex!r}: give one of {', '.join(LAYER_STAGES)}, or a regular "
            f"expression for whole names such as {with_weights[0].name}"
        )
    for layer in with_weights:
        layer.trainable = layer in chosen
    return chosen
