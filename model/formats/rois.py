"""ImageJ's regions of interest: a zip file for its ROI Manager."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from roifile import ROI_TYPE, ImagejRoi

from model.formats.archive import segment_name, to_zip
from model.formats.encode import CannotEncode
from model.results.polygons import Integers, to_rings
from model.results.segments import Segments

# ImageJ stores coordinates in 16 bits, and reads the upper 5,000 values as negative.
_LARGEST_COORDINATE = 60_535

# The steps of a path, as java.awt.geom.PathIterator numbers them.
_MOVE_TO, _LINE_TO, _CLOSE = 0, 1, 4


def segments_to_rois(segments: Segments, class_names: Sequence[str]) -> bytes:
    """A zip file with a region for each segment, with names such as "0001-nucleus.roi", best score first.

    A segment with one ring becomes a traced polygon, as ImageJ's wand creates; one with several rings,
    because of holes or parts, becomes a composite. Both enclose exactly the mask's pixels. A mask without
    pixels is left out, because ImageJ has no empty region.

    Args:
        segments: the model's answer.
        class_names: the model's class names by class id; entry 0 is the background.

    Raises:
        CannotEncode: an image with a side of more than 60,535 pixels, or a zip file of more than 512 MiB.
    """
    if max(segments.size) > _LARGEST_COORDINATE:
        width, height = segments.size
        raise CannotEncode(
            f"an image of {width} x {height} pixels is too large for ImageJ's ROI files,"
            f" whose limit is {_LARGEST_COORDINATE:,} per side"
        )
    return to_zip(_rois(segments, class_names))


def _rois(segments: Segments, class_names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    ids = segments.ids()
    for index, mask in enumerate(segments.masks):
        rings = to_rings(mask, segments.boxes[index])
        if not rings:
            continue
        name = segment_name(ids[index], class_names[segments.class_ids[index]])
        roi = _composite(rings) if len(rings) > 1 else _traced(rings[0])
        roi.name = name
        vertices = np.concatenate(rings)
        roi.left, roi.top = vertices.min(axis=0).tolist()
        roi.right, roi.bottom = vertices.max(axis=0).tolist()
        yield f"{name}.roi", roi.tobytes()


def _traced(ring: Integers) -> ImagejRoi:
    relative = (ring - ring.min(axis=0)).astype(np.int32)
    return ImagejRoi(roitype=ROI_TYPE.TRACED, n_coordinates=len(ring), integer_coordinates=relative)


def _composite(rings: Sequence[Integers]) -> ImagejRoi:
    steps: list[np.ndarray] = []
    for ring in rings:
        lines = np.insert(ring, 0, _LINE_TO, axis=1)
        lines[0, 0] = _MOVE_TO
        steps += [lines.ravel(), np.array([_CLOSE])]
    path = np.concatenate(steps).astype(np.float32)
    return ImagejRoi(roitype=ROI_TYPE.RECT, shape_roi_size=len(path), multi_coordinates=path)
