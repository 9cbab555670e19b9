"""Intensity: measures of the picture's own values in each mask, and of the background around it."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from model.results.segments import Segments

# The background of an object is the ring of pixels that are further than GAP from it, where its blur has
# ended, and no further than GAP + RING, the larger of both directions counting; none of them is within GAP of
# any object.
GAP = 2
RING = 5
_LEAST_RING = 10
"""Pixels. A background of fewer would be a matter of chance, as between crowded objects."""

_SQUARE = np.ones((2 * GAP + 1, 2 * GAP + 1), np.uint8)
_WIDE_SQUARE = np.ones((2 * (GAP + RING) + 1, 2 * (GAP + RING) + 1), np.uint8)

_BLOCK = 1 << 20  # values that are copied as float64 at a time
_FEW = 10_000  # values that are sorted sooner than np.median finds the middle one

NAMES = (
    "intensity_mean",
    "intensity_median",
    "intensity_min",
    "intensity_max",
    "intensity_std",
    "integrated_intensity",
    "background_intensity",
    "intensity_mean_corrected",
    "integrated_intensity_corrected",
)


class Intensities:
    """The intensities of the segments of one picture.

    Attributes:
        names: NAMES for each channel; with several channels they end in its number, as
            `skimage.measure.regionprops_table` writes it: "intensity_mean-0".
    """

    def __init__(self, segments: Segments, image: npt.NDArray[Any]) -> None:
        """Take the segments, and the picture's values (H, W, C). Raises ValueError for another size."""
        width, height = segments.size
        if image.ndim != 3 or image.shape[:2] != (height, width):
            raise ValueError(
                f"the values of a picture of {width} x {height} pixels must have the shape"
                f" ({height}, {width}, channels), not {image.shape}"
            )
        self._segments = segments
        self._image = image
        channels = image.shape[2]
        # As `skimage.measure.regionprops_table` names them.
        self._endings = [""] if channels == 1 else [f"-{channel}" for channel in range(channels)]
        self.names = [f"{name}{ending}" for ending in self._endings for name in NAMES]
        self._near_objects = _near_objects(segments)

    def of(self, index: int) -> dict[str, float | None]:
        """Return the measures in `names` of the segment at `index`; None where one is not defined."""
        x1, y1, x2, y2 = self._segments.boxes[index].tolist()
        mask = self._segments.masks[index].view(bool)
        inside = self._image[y1:y2, x1:x2][mask]  # (pixels, C)
        around = self._around(index)
        measured: dict[str, float | None] = {}
        for channel, ending in enumerate(self._endings):
            values = _statistics(inside[:, channel])
            values |= _corrected(values, len(inside), around[:, channel])
            measured |= {f"{name}{ending}": _finite(values[name]) for name in NAMES}
        return measured

    def _around(self, index: int) -> npt.NDArray[Any]:
        """Return the values (pixels, C) of the segment's background."""
        margin = GAP + RING
        x1, y1, x2, y2 = self._segments.boxes[index].tolist()
        height, width = self._image.shape[:2]
        left, top = max(0, x1 - margin), max(0, y1 - margin)
        right, bottom = min(width, x2 + margin), min(height, y2 + margin)
        mask = cv2.copyMakeBorder(
            self._segments.masks[index], y1 - top, bottom - y2, x1 - left, right - x2, cv2.BORDER_CONSTANT
        )
        wide = cv2.dilate(mask, _WIDE_SQUARE)
        ring = cv2.compare(wide, self._near_objects[top:bottom, left:right], cv2.CMP_GT)
        return self._image[top:bottom, left:right][ring.view(bool)]


def _near_objects(segments: Segments) -> npt.NDArray[np.uint8]:
    """Return uint8 (H, W), 1 for the pixels in or within GAP of any object."""
    width, height = segments.size
    objects = np.zeros((height, width), np.uint8)
    for mask, (x1, y1, x2, y2) in zip(segments.masks, segments.boxes.tolist(), strict=True):
        here = objects[y1:y2, x1:x2]
        np.bitwise_or(here, mask, out=here)
    return np.asarray(cv2.dilate(objects, _SQUARE), np.uint8)


def _statistics(values: npt.NDArray[Any]) -> dict[str, float]:
    """Return the measures of the values (N,) of one channel in an object."""
    if not len(values):
        return {**dict.fromkeys(NAMES[:5], math.nan), "integrated_intensity": 0}
    whole = values.dtype.kind in "iu"
    total = int(values.sum(dtype=np.int64)) if whole else float(values.sum(dtype=np.float64))
    mean = total / len(values)
    return {
        "intensity_mean": mean,
        "intensity_median": _median(values),
        "intensity_min": values.min().item(),
        "intensity_max": values.max().item(),
        "intensity_std": math.sqrt(_squares(values, mean) / len(values)),
        "integrated_intensity": total,
    }


def _squares(values: npt.NDArray[Any], mean: float) -> float:
    """Return the sum of the squared differences from the mean."""
    total = 0.0
    with np.errstate(invalid="ignore", over="ignore"):  # infinite values have no deviation
        for start in range(0, len(values), _BLOCK):
            differences = values[start : start + _BLOCK] - mean
            total += float(np.dot(differences, differences))
    return total


def _median(values: npt.NDArray[Any]) -> float:
    """Return the median; NaN if there is a NaN. For a small object, np.median takes three times as long."""
    if len(values) > _FEW:
        return float(np.median(values))
    middle = len(values) // 2
    ordered = np.sort(values)  # NaN comes last
    if math.isnan(last := float(ordered[-1])):
        return last
    return (
        float(ordered[middle])
        if len(values) % 2
        else (float(ordered[middle - 1]) + float(ordered[middle])) / 2
    )


def _corrected(values: dict[str, float], pixels: int, around: npt.NDArray[Any]) -> dict[str, float]:
    background = _median(around) if len(around) >= _LEAST_RING else math.nan
    return {
        "background_intensity": background,
        "intensity_mean_corrected": values["intensity_mean"] - background,
        "integrated_intensity_corrected": values["integrated_intensity"] - pixels * background,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
