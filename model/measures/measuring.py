"""Measuring: the measures of all segments of a picture."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy.typing as npt

from model.measures.intensity import Intensities
from model.measures.names import Group, Measures, PixelSize
from model.measures.shape import NAMES as SHAPES
from model.measures.shape import shape_of
from model.results.segments import Segments


def measure(
    segments: Segments,
    image: npt.NDArray[Any] | None,
    wanted: Collection[Group],
    pixel_size: PixelSize | None = None,
) -> Measures:
    """Measure each segment on its own mask, also where masks overlap.

    The measures are those of `skimage.measure.regionprops`, with a few more; docs/measures.md defines each.

    Args:
        segments: the segments; none of their masks is changed.
        image: (H, W, C), the picture's own values, upright and of the whole size: whole numbers or floats.
            Needed for "intensity" only.
        wanted: the groups of measures, which are returned in the order of `GROUPS`.
        pixel_size: (x, y) in micrometres, both above 0; None: lengths and areas are in pixels.

    Raises:
        ValueError: "intensity" is wanted, but `image` is None or not of the segments' size.
    """
    names: list[str] = []
    values: list[dict[str, float | None]] = [{} for _ in range(len(segments))]
    if "shape" in wanted:
        names += SHAPES
        for index, measures in enumerate(values):
            measures |= shape_of(segments.masks[index], segments.boxes[index], segments.size, pixel_size)
    if "intensity" in wanted:
        if image is None:
            raise ValueError("intensities can be measured only with the values of the picture")
        intensities = Intensities(segments, image)
        names += intensities.names
        for index, measures in enumerate(values):
            measures |= intensities.of(index)
    return Measures(names, values, pixel_size)
