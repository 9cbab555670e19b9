"""The label map: one 16-bit picture that holds every segment by its number."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from model.segments import Segments


def segments_to_label_map(segments: Segments) -> npt.NDArray[np.uint16]:
    """uint16 (height, width): 0 is background, 1 to N are the segments, best score first.

    Where segments overlap, the one with the higher score has the pixel.
    """
    width, height = segments.size
    labels = np.zeros((height, width), np.uint16)
    for index in reversed(range(len(segments))):  # the best score is written last
        x1, y1, x2, y2 = segments.boxes[index]
        labels[y1:y2, x1:x2][segments.masks[index].astype(bool)] = index + 1
    return labels
