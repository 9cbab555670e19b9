"""Cutouts: every segment as a picture of its own, transparent around the object."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from model.formats.encode import CannotEncode, encode_png
from model.segments import Segments

# Even at 4 bytes a character, a file name stays under the 255 bytes that file systems allow.
_MAX_NAME_LENGTH = 60

# The archive is made in memory. Objects that do not overlap add up to about the picture itself, 100 MB at 50
# megapixels; only hundreds of large ones on top of each other come here.
_MAX_ZIP_BYTES = 512 * 2**20

# The earliest date that a zip file can tell: the same segments give the same bytes at any hour.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)


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
        cutout = np.zeros((*mask.shape, 4), np.uint8)
        cv2.copyTo(cv2.cvtColor(image[y1:y2, x1:x2], cv2.COLOR_RGB2RGBA), mask, cutout)
        class_name = class_names[segments.class_ids[index]]
        yield f"{index + 1:04d}-{_safe_in_a_file_name(class_name)}.png", cutout


def segments_to_zip(image: npt.NDArray[np.uint8], segments: Segments, class_names: Sequence[str]) -> bytes:
    """The cutouts as PNG files in a zip file; the arguments are those of `segments_to_cutouts`.

    No segments give a zip file with nothing in it. One cutout at a time is in memory as pixels.

    Raises:
        CannotEncode: a zip file of more than 512 MiB, or a cutout with a side of more than a million pixels.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:  # PNG files do not shrink further
        for name, cutout in segments_to_cutouts(image, segments, class_names):
            archive.writestr(zipfile.ZipInfo(name, _TIMESTAMP), encode_png(cutout))
            if packed.tell() > _MAX_ZIP_BYTES:
                raise CannotEncode(
                    f"the cutouts take more than {_MAX_ZIP_BYTES // 2**20} MiB: ask for fewer segments"
                )
    return packed.getvalue()


def _safe_in_a_file_name(class_name: str) -> str:
    """The name with hyphens for all but letters, digits and underscores; "object" if nothing is left."""
    return re.sub(r"\W+", "-", class_name)[:_MAX_NAME_LENGTH].strip("-") or "object"
