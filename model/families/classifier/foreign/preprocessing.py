"""Preprocessing: a picture → the input of a foreign graph, and its scores → probabilities."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.engines.stages import Floats
from model.families.classifier.foreign.config import ForeignConfig
from model.families.pixels import Activation, Bytes, levels_of, scale, to_channels


def to_input(image: Bytes, config: ForeignConfig) -> Floats:
    """float32 (H, W, C) for uint8 (H', W', 3), RGB, which is stretched."""
    channels = to_channels(scale(image, config.size), config.channels)
    levels = levels_of(config.channels, config.value_range, config.mean, config.std)
    return levels[channels, np.arange(levels.shape[1])].astype(np.float32)


def to_probabilities(scores: npt.NDArray[np.floating], activation: Activation) -> Floats:
    """The probabilities of the classes, which add up to 1.

    Args:
        scores: (1, K). A single score is that of the second of two classes.
        activation: the function to be applied first.

    Returns:
        float32 (K,), or (2,) for a single score.
    """
    values = np.asarray(scores, np.float64).ravel()
    if activation == "softmax":
        values = np.exp(values - values.max())
    elif activation == "sigmoid":
        values = 0.5 * (1 + np.tanh(values / 2))  # cannot overflow
    values = np.clip(values, 0, None)  # bf16 and int8 may go slightly below
    if len(values) == 1:
        second = min(float(values[0]), 1.0)
        values = np.array([1 - second, second])
    total = values.sum()  # other than 1 if classes may overlap, each with a sigmoid
    return np.asarray(values / total if total > 0 else np.full(len(values), 1 / len(values)), np.float32)
