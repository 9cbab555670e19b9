"""Cutouts: each segment as a separate picture, transparent around the object."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from model.formats.archive import segment_name, to_zip
from model.formats.encode import encode_png
from model.results.segments import Segments


def segments_to_cutouts(
    image: npt.NDArray[np.uint8], segments: Segments, class_names: Sequence[str]
) -> Iterator[tuple[str, npt.NDArray[np.uint8]]]:
    """File name and picture of each segment, best score first, one at a time.

    Args:
        image: uint8 (H, W, 3), the RGB picture that the segments belong to.
        segments: the model's answer.
        class_names: the model's class names by class id; entry 0 is the background.

    Yields:
        A name such as "0001-nucleus.png" and uint8 (height, width, 4), RGBA, of the segment's box.
        Transparent pixels are also black, so that the file does not contain hidden surroundings.
    """
    ids = segments.ids()
    for index, mask in enumerate(segments.masks):
        x1, y1, x2, y2 = segments.boxes[index]
        cutout = np.zeros((*mask.shape, 4), np.uint8)
        cv2.copyTo(cv2.cvtColor(image[y1:y2, x1:x2], cv2.COLOR_RGB2RGBA), mask, cutout)
        class_name = class_names[segments.class_ids[index]]
        yield f"{segment_name(ids[index], class_name)}.png", cutout


def segments_to_zip(image: npt.NDArray[np.uint8], segments: Segments, class_names: Sequence[str]) -> bytes:
    """The cutouts as PNG files in a zip file; the arguments are those of `segments_to_cutouts`.

    The zip file is empty if there are no segments. Only one cutout at a time is in memory as pixels.

    Raises:
        CannotEncode: a zip file of more than 512 MiB, or a cutout with a side of more than a million pixels.
    """
    cutouts = segments_to_cutouts(image, segments, class_names)
    return to_zip((name, encode_png(cutout)) for name, cutout in cutouts)
