"""Features: the numbers by which pictures, and a model's answers about them, are compared over time.

There is one value per picture, never one per object: the objects of a picture resemble each other.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from model.results.segments import Segments

OF_PICTURES = ("brightness", "contrast", "size", "familiarity")
"""Mean and standard deviation of the grey levels, 0 to 255; pixels of the whole picture; and the score of the
model's gate, 0 to 1."""
OF_ANSWERS = ("count", "score", "area")
"""The number of segments, their mean score, and the mean share of the picture that one covers, 0 to 1."""
FEATURES = OF_PICTURES + OF_ANSWERS

_SIDE = 128  # pixels to which the longer side is reduced: noise, and how a JPEG was reduced, matter little
_SAMPLES_PER_PIXEL = 2  # at least, along a side: of a large picture, not every pixel is read
_SEGMENTS = 64
"""So many segments, spread over all scores, are enough for the mean area."""
_SAMPLES = 64
"""Of a mask, every pixel along a side is read up to this number; of a larger one, every second, third, …"""

Features = dict[str, float]


def features_of_picture(
    image: npt.NDArray[np.uint8], size: tuple[int, int], familiarity: float | None
) -> Features:
    """Return the features of a picture.

    Args:
        image: uint8 (H, W, 3), RGB, the picture or a reduced copy.
        size: (width, height) of the whole picture, in pixels.
        familiarity: the score of the model's gate, 0 to 1; None: the model has no gate.
    """
    mean, deviation = cv2.meanStdDev(_reduced_grey(image))
    found = {"brightness": float(mean[0, 0]), "contrast": float(deviation[0, 0])}
    found["size"] = float(math.prod(size))
    return found if familiarity is None else {**found, "familiarity": familiarity}


def features_of_answer(segments: Segments) -> Features:
    """Return the features of an answer to a request without options; no score and no area if it is empty."""
    count = len(segments)
    if count == 0:
        return {"count": 0.0}
    chosen = np.unique(np.linspace(0, count - 1, min(count, _SEGMENTS)).round().astype(int))
    area = float(np.mean([_area(segments.masks[index]) for index in chosen]))
    return {
        "count": float(count),
        "score": float(segments.scores.mean()),
        "area": area / math.prod(segments.size),
    }


def _reduced_grey(image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return the grey levels of a picture (H, W, 3), with at most _SIDE pixels a side."""
    step = max(1, max(image.shape[:2]) // (_SIDE * _SAMPLES_PER_PIXEL))
    rows = cv2.cvtColor(image[::step], cv2.COLOR_RGB2GRAY)  # whole rows, which OpenCV reads where they are
    grey = np.ascontiguousarray(rows[:, ::step])
    scale = min(1.0, _SIDE / max(grey.shape))
    size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _area(mask: npt.NDArray[np.uint8]) -> float:
    """The pixels of a mask, approximately if it is large."""
    down, across = (-(-side // _SAMPLES) for side in mask.shape)
    sampled = mask[::down, ::across]
    return mask.size * float(np.count_nonzero(sampled)) / sampled.size
