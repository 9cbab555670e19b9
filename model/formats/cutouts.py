"""Cutouts: every segment as a picture of its own, transparent around the object."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from model.segments import Segments

# Even at 4 bytes a character, a file name stays under the 255 bytes that file systems allow.
_MAX_NAME_LENGTH = 60


def segments_to_cutouts(
    image: npt.NDArray[np.uint8], segments: Segments, class_names: Sequence[str]
) -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
    """File name and picture of each segment, best score first, one at a time.

    Args:
        image: uint8 (H, W, 3), the RGB picture that the segments belong to.
        segments: what the model answered.
        class_names: the model's, by class id; entry 0 is the background's.

    Yields:
        A name such as "0001-nucleus.png" and uint8 (height, width, 4), RGBA, of the segment's box. What is
        transparent is black too, so that nothing of the surroundings travels along unseen.
    """
    for index, mask in enumerate(segments.masks):
        x1, y1, x2, y2 = segments.boxes[index]
        opaque = mask[:, :, np.newaxis]
        cutout = np.concatenate([image[y1:y2, x1:x2] * opaque, opaque * np.uint8(255)], axis=2)
        class_name = class_names[segments.class_ids[index]]
        yield f"{index + 1:04d}-{_safe_in_a_file_name(class_name)}.png", cutout


def _safe_in_a_file_name(class_name: str) -> str:
    """The name with hyphens for all but letters, digits and underscores; "object" if nothing is left."""
    return re.sub(r"\W+", "-", class_name)[:_MAX_NAME_LENGTH].strip("-") or "object"
