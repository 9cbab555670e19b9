"""Molding: converts a picture to the trunk's input, and boxes back to the picture's own pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.boxes import Floats, denormalize, normalize
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.fit import Fit, fit_of
from model.pictures.bilinear import resize_bilinear
from model.pictures.bulk import bulk_of

CONTRAST_PERCENTILES = (0.5, 99.8)
LEAST_CONTRAST = 10.0
"""Grey levels: smaller ranges are noise, and are stretched only as much as a range of this size."""
PERCENTILE_SAMPLE = 65_536
"""Pixels from which percentiles are computed: enough for a stable tenth of a percent."""

GreyRange = tuple[float, float]
"""The grey levels that become 0 and 255 when contrast is stretched."""


@dataclass(frozen=True)
class Molded:
    """One picture as the trunk's input.

    Attributes:
        picture: float32 (1, H, W, 3), mean subtracted.
        fit: how the image is placed in `picture`.
    """

    picture: Floats
    fit: Fit

    @property
    def shape(self) -> tuple[int, int]:
        return self.picture.shape[1], self.picture.shape[2]

    @property
    def normalized_window(self) -> Floats:
        return normalize(np.array(self.fit.window), *self.shape)

    def to_image_boxes(self, boxes: Floats) -> npt.NDArray[np.int32]:
        """Normalised (N, 4) boxes → y1 x1 y2 x2 in pixels of the image (Matterport `unmold_detections`)."""
        window = self.normalized_window
        origin = window[:2]
        extent = np.maximum(window[2:] - origin, np.finfo(np.float32).eps)  # one pixel has an extent of 0
        width, height = self.fit.size
        return denormalize((boxes - np.tile(origin, 2)) / np.tile(extent, 2), height, width)


def mold(
    image: npt.NDArray[np.uint8],
    config: Config,
    fit: Fit | None = None,
    grey_range: GreyRange | None = None,
) -> Molded:
    """Scale, pad and normalise an RGB image (H, W, 3) as the config says (Matterport `mold_inputs`).

    Args:
        image: the picture, or a reduced copy of it.
        config: the network's.
        fit: of the picture; None: the result of `fit_of`.
        grey_range: of the whole picture, if `image` is a part of it; None: of `image`.
    """
    fit = fit or fit_of((image.shape[1], image.shape[0]), config)
    resized: npt.NDArray = _resize(image, *fit.shape, config.image_resize_mode)
    grey_range = grey_range or grey_range_of(image, config)
    if grey_range:
        resized = stretch_contrast(resized, grey_range)
    picture = subtract_mean(np.pad(resized, (*fit.padding, (0, 0))), config)
    return Molded(picture[None], fit)


def grey_range_of(image: npt.NDArray[np.uint8], config: Config) -> GreyRange | None:
    """The grey levels of an RGB image (H, W, 3) to stretch to 0…255; None if the config does not stretch.

    Scale bars, lettering and borders are ignored: a white bar covers more than the brightest 0.2 % of many
    images.
    """
    if config.image_normalization != "contrast":
        return None
    pixels = image.reshape(-1, 3)
    step = max(1, len(pixels) // PERCENTILE_SAMPLE) | 1  # odd: not always the same columns
    sample = pixels[::step]
    bulk = bulk_of(image)
    if bulk is not None and bulk.marks is not None:
        sample = sample[bulk.marks.reshape(-1)[::step] == 0]
    low, high = _percentiles(sample, CONTRAST_PERCENTILES)
    return low, max(high, low + LEAST_CONTRAST)


def _percentiles(levels: npt.NDArray[np.uint8], percents: Sequence[float]) -> list[float]:
    """Like `np.percentile`, but four times as fast: it counts the 256 levels instead of sorting pixels."""
    counts = cv2.calcHist([np.ascontiguousarray(levels).reshape(-1)], [0], None, [256], (0, 256))
    up_to = np.cumsum(counts.astype(np.int64))
    places = (up_to[-1] - 1) * np.array(percents) / 100
    before, after = (np.searchsorted(up_to, whole(places), "right") for whole in (np.floor, np.ceil))
    return [float(value) for value in before + (after - before) * (places % 1)]


def stretch_contrast(picture: npt.NDArray, grey_range: GreyRange) -> Floats:
    """float32 `picture` with these grey levels stretched to 0…255; levels outside are not clipped.

    This makes dim and bright micrographs look alike.
    """
    low, high = grey_range
    return (picture.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))


def subtract_mean(picture: npt.NDArray, config: Config) -> Floats:
    """float32 (…, 3): the picture minus the mean pixel, as every network here expects it."""
    mean = (*config.mean_pixel, 0.0)  # OpenCV's scalars have four channels; its type stubs lack them
    pixels = picture.reshape(-1, 1, 3)  # OpenCV subtracts several times faster than NumPy
    less_mean = cv2.subtract(pixels, mean, dtype=cv2.CV_32F)  # type: ignore[call-overload]
    return np.asarray(less_mean).reshape(picture.shape)


def _resize(image: npt.NDArray[np.uint8], height: int, width: int, mode: str) -> npt.NDArray[np.uint8]:
    if image.shape[:2] == (height, width):
        return image
    if mode == "fit64":
        shrinks = height * width < image.shape[0] * image.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
    return resize_bilinear(image, height, width).astype(np.uint8)  # truncated, as in Matterport's library
