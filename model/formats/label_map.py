"""The label map: a 16-bit picture with the number of each pixel's segment, or its class id."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.results.result import Result
from model.results.segments import Segments


def result_to_label_map(result: Result) -> npt.NDArray[np.uint16]:
    """uint16 (height, width): the class ids of a semantic model, else as `segments_to_label_map`."""
    if result.class_map is not None:
        return result.class_map.labels
    return segments_to_label_map(result.segments)


def segments_to_label_map(segments: Segments) -> npt.NDArray[np.uint16]:
    """uint16 (height, width): 0 is background, others are the numbers of the segments.

    A pixel in several segments belongs to the one with the highest score.
    """
    width, height = segments.size
    labels = np.zeros((height, width), np.uint16)
    ids = segments.ids()
    for index in reversed(range(len(segments))):  # the best score is written last
        x1, y1, x2, y2 = segments.boxes[index]
        labels[y1:y2, x1:x2][segments.masks[index].astype(bool)] = ids[index]
    return labels
