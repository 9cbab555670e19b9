"""Activation: a graph's output → probabilities, one plane per class."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from model.families.pixels import Activation

Floats = npt.NDArray[np.float32]


def to_probabilities(scores: Floats, activation: Activation) -> Floats:
    """A graph's (1, H, W, K) → float32 (K, H, W), 0 to 1: contiguous planes, a copy."""
    planes = _planes(scores)
    if activation == "sigmoid":
        return _sigmoid(planes)
    if activation == "softmax":
        return _softmax(planes)
    return np.clip(planes, 0, 1, out=planes)  # bf16 and int8 may exceed the range slightly


def mirrored(picture: Floats) -> Floats:
    """float32 (1, H, W, C), with left and right swapped."""
    return np.ascontiguousarray(picture[:, :, ::-1])


def mean_with_mirrored(planes: Floats, of_mirrored: Floats) -> Floats:
    """The mean (K, H, W) of a picture's planes and those of the mirrored picture; overwrites `planes`."""
    for plane, other in zip(planes, of_mirrored, strict=True):
        plane += other[:, ::-1]
        plane *= np.float32(0.5)
    return planes


def _planes(scores: Floats) -> Floats:
    _, height, width, channels = scores.shape
    if channels == 1:
        return np.array(scores[..., 0], np.float32)
    pixels = np.asarray(scores, np.float32).reshape(-1, channels)
    # OpenCV transposes block by block, several times faster than NumPy.
    return np.asarray(cv2.transpose(pixels), np.float32).reshape(channels, height, width)


def _sigmoid(planes: Floats) -> Floats:
    """In place."""
    np.negative(planes, out=planes)
    with np.errstate(over="ignore"):  # a logit below -88 gives infinity, which becomes 0
        np.exp(planes, out=planes)
    planes += 1
    return np.reciprocal(planes, out=planes)


def _softmax(planes: Floats) -> Floats:
    """In place, one plane at a time, so that it stays in the processor's cache."""
    highest = planes.max(axis=0)
    total = np.zeros_like(highest)
    for plane in planes:
        plane -= highest
        np.exp(plane, out=plane)
        total += plane
    np.reciprocal(total, out=total)
    for plane in planes:
        plane *= total
    return planes
