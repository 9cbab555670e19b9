"""What a graph gives → probabilities, a plane a class."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from model.families.semantic.config import Activation

Floats = npt.NDArray[np.float32]


def to_probabilities(scores: Floats, activation: Activation) -> Floats:
    """float32 (K, H, W), 0 to 1, of a graph's (1, H, W, K): contiguous planes, a copy."""
    planes = _planes(scores)
    if activation == "sigmoid":
        return _sigmoid(planes)
    if activation == "softmax":
        return _softmax(planes)
    return np.clip(planes, 0, 1, out=planes)  # bf16 and int8 may leave the range by a little


def mirrored(picture: Floats) -> Floats:
    """float32 (1, H, W, C), left and right exchanged."""
    return np.ascontiguousarray(picture[:, :, ::-1])


def mean_with_mirrored(planes: Floats, of_mirrored: Floats) -> Floats:
    """The mean (K, H, W) of a picture's planes and those of the mirrored picture; changes `planes`."""
    for plane, other in zip(planes, of_mirrored, strict=True):
        plane += other[:, ::-1]
        plane *= np.float32(0.5)
    return planes


def _planes(scores: Floats) -> Floats:
    _, height, width, channels = scores.shape
    if channels == 1:
        return np.array(scores[..., 0], np.float32)
    pixels = np.asarray(scores, np.float32).reshape(-1, channels)
    # OpenCV transposes block by block, several times as fast as NumPy copies.
    return np.asarray(cv2.transpose(pixels), np.float32).reshape(channels, height, width)


def _sigmoid(planes: Floats) -> Floats:
    """In place."""
    np.negative(planes, out=planes)
    with np.errstate(over="ignore"):  # of a logit below -88: infinity, of which 0 is made
        np.exp(planes, out=planes)
    planes += 1
    return np.reciprocal(planes, out=planes)


def _softmax(planes: Floats) -> Floats:
    """In place, a plane at a time, as each stays in the processor's cache meanwhile."""
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
