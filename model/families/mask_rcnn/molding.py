"""Molding: a picture → what the trunk sees, and boxes back to the picture's own pixels."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.boxes import Floats, denormalize, normalize
from model.families.mask_rcnn.config import COARSEST_STRIDE, Config

CONTRAST_PERCENTILES = (0.5, 99.8)
LEAST_CONTRAST = 10.0
"""Grey levels: a picture with a smaller range is noise, and is not stretched further than from this."""
PERCENTILE_SAMPLE = 65_536
"""Pixels looked at for the percentiles: enough for a stable tenth of a percent."""
COARSE_STRIDE = 256
"""Sides are multiples of it where an engine wants few shapes: three lengths up to 1024, not seven."""

GreyRange = tuple[float, float]
"""The grey levels that become 0 and 255 where contrast is stretched."""


@dataclass(frozen=True)
class Molded:
    """One picture as the trunk sees it.

    Attributes:
        picture: float32 (1, H, W, 3), mean subtracted.
        window: y1 x1 y2 x2 in pixels of `picture`: where the image lies inside its padding.
        image_shape: (height, width) of the image as it came, or of the one that it is a reduced copy of.
    """

    picture: Floats
    window: tuple[int, int, int, int]
    image_shape: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        return self.picture.shape[1], self.picture.shape[2]

    @property
    def normalized_window(self) -> Floats:
        return normalize(np.array(self.window), *self.shape)

    def to_image_boxes(self, boxes: Floats) -> npt.NDArray[np.int32]:
        """Normalised (N, 4) boxes to y1 x1 y2 x2 pixels of the image (Matterport `unmold_detections`)."""
        window = self.normalized_window
        origin = window[:2]
        extent = np.maximum(window[2:] - origin, np.finfo(np.float32).eps)  # 0 where it is one pixel wide
        return denormalize((boxes - np.tile(origin, 2)) / np.tile(extent, 2), *self.image_shape)


def mold(
    image: npt.NDArray[np.uint8],
    config: Config,
    grey_range: GreyRange | None = None,
    image_shape: tuple[int, int] | None = None,
    few_shapes: bool = False,
) -> Molded:
    """Scale, pad and normalise an RGB image (H, W, 3) as the config says (Matterport `mold_inputs`).

    `grey_range` is that of the whole picture, where `image` is part of a larger one; `image_shape` is the
    (height, width) of the picture that `image` is a reduced copy of, where it is one. With `few_shapes`
    "fit64" pads more: to a multiple of `COARSE_STRIDE`, or the least or largest side of the config if nearer.
    """
    height, width = image_shape or image.shape[:2]
    shape = scaled_shape(height, width, config)
    resized: npt.NDArray = _resize(image, *shape, config.image_resize_mode)
    padding = _padding(resized.shape[0], resized.shape[1], config, few_shapes)
    (top, _), (left, _) = padding
    grey_range = grey_range or grey_range_of(image, config)
    if grey_range:
        resized = stretch_contrast(resized, grey_range)
    picture = subtract_mean(np.pad(resized, (*padding, (0, 0))), config)
    window = (top, left, top + resized.shape[0], left + resized.shape[1])
    return Molded(picture[None], window, (height, width))


def scale_of(height: int, width: int, config: Config) -> float:
    """By how much an image of these pixels is enlarged before the network sees it."""
    scale = full_scale_of(height, width, config)
    longest = max(height, width)
    if config.image_resize_mode in ("square", "fit64") and round(longest * scale) > config.image_max_dim:
        return config.image_max_dim / longest
    return scale


def scaled_shape(height: int, width: int, config: Config) -> tuple[int, int]:
    """(height, width) of what the network sees of an image of these pixels, without its padding."""
    scale = scale_of(height, width, config)
    return max(1, round(height * scale)), max(1, round(width * scale))  # one pixel also of 5,000 x 2


def full_scale_of(height: int, width: int, config: Config) -> float:
    """As `scale_of`, were there no `image_max_dim`: the scale at which objects are best found."""
    if config.image_resize_mode == "none":
        return 1.0
    return max(1.0, config.image_min_dim / min(height, width), config.image_min_scale)


def largest_picture(config: Config) -> tuple[int, int]:
    """(height, width) that no molded picture exceeds.

    Raises:
        ValueError: the resize mode has no limit.
    """
    if config.image_resize_mode not in ("square", "fit64"):
        raise ValueError(
            f'image_resize_mode "{config.image_resize_mode}" lets pictures of any size through: '
            'only "fit64" and "square" have a largest one, as compiled stages need'
        )
    side = _multiple(config.image_max_dim, COARSEST_STRIDE)
    return side, side


def grey_range_of(image: npt.NDArray[np.uint8], config: Config) -> GreyRange | None:
    """The grey levels to stretch from, for an RGB image (H, W, 3); None where the config does not stretch."""
    if config.image_normalization != "contrast":
        return None
    pixels = image.reshape(-1, 3)
    step = max(1, len(pixels) // PERCENTILE_SAMPLE) | 1  # odd: not always the same columns
    low, high = np.percentile(pixels[::step], CONTRAST_PERCENTILES)
    return float(low), float(max(high, low + LEAST_CONTRAST))


def stretch_contrast(picture: npt.NDArray, grey_range: GreyRange) -> Floats:
    """float32 `picture` with these grey levels stretched to 0…255; those outside are kept, not cut.

    So dim micrographs and bright ones look alike.
    """
    low, high = grey_range
    return (picture.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low))


def subtract_mean(picture: npt.NDArray, config: Config) -> Floats:
    """float32 (…, 3): the picture less the mean pixel, as every network here expects it."""
    mean = (*config.mean_pixel, 0.0)  # OpenCV's scalars have four channels, which its stubs do not know
    pixels = picture.reshape(-1, 1, 3)  # OpenCV is several times faster at it than NumPy
    less_mean = cv2.subtract(pixels, mean, dtype=cv2.CV_32F)  # type: ignore[call-overload]
    return np.asarray(less_mean).reshape(picture.shape)


def _resize(image: npt.NDArray[np.uint8], height: int, width: int, mode: str) -> npt.NDArray[np.uint8]:
    if image.shape[:2] == (height, width):
        return image
    if mode == "fit64":
        shrinks = height * width < image.shape[0] * image.shape[1]
        method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(image, (width, height), interpolation=method), np.uint8)
    return _resize_as_matterport(image, height, width)


def _resize_as_matterport(image: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    """Bilinear in float64, no anti-aliasing, black beyond the edge, cut (not rounded) to whole levels.

    This is `skimage.transform.resize(mode="constant", clip=True)` to the bit. OpenCV repeats the edge and
    has float32 weights, after which the cut makes 119 of some 120s: enough to change a detection.
    """
    columns = _bilinear_taps(image.shape[1], width)
    resized = np.zeros((height, width, image.shape[2]))
    for row, row_share in _bilinear_taps(image.shape[0], height):
        for column, column_share in columns:
            resized += image[row[:, None], column] * row_share[:, None, None] * column_share[:, None]
    return np.maximum(resized, image.min()).astype(np.uint8)  # the black beyond darkens no further (`clip`)


def _bilinear_taps(
    length: int, new_length: int
) -> list[tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]]:
    """For each new pixel the pixel before it and the one after: index and share, 0 where there is none."""
    position = (np.arange(new_length) + 0.5) * (length / new_length) - 0.5
    before = np.floor(position).astype(np.int64)
    after_share = position - before
    return [
        (np.clip(pixel, 0, length - 1), share * ((pixel >= 0) & (pixel < length)))
        for pixel, share in ((before, 1 - after_share), (before + 1, after_share))
    ]


def _padding(
    height: int, width: int, config: Config, few_shapes: bool
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Rows above and below, columns left and right."""
    mode = config.image_resize_mode
    if mode == "crop":
        raise ValueError('image_resize_mode "crop" is for training; to detect, use "square" or "fit64"')
    if mode == "none" and (height % COARSEST_STRIDE or width % COARSEST_STRIDE):
        raise ValueError(
            f'image_resize_mode "none" needs sides that are multiples of {COARSEST_STRIDE}, '
            f'not {width} x {height}: resize the image or use "fit64"'
        )
    if mode == "square":
        rows, columns = config.image_max_dim - height, config.image_max_dim - width
    elif mode == "fit64" and few_shapes:
        rows, columns = (_coarse_side(side, config) - side for side in (height, width))
    else:
        rows, columns = -height % COARSEST_STRIDE, -width % COARSEST_STRIDE
    return (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)


def _coarse_side(side: int, config: Config) -> int:
    """The least of few lengths that holds `side`; `image_min_dim`, which most sides have, is one of them."""
    ends = (_multiple(end, COARSEST_STRIDE) for end in (config.image_min_dim, config.image_max_dim))
    return min(length for length in (*ends, _multiple(side, COARSE_STRIDE)) if length >= side)


def _multiple(length: int, stride: int) -> int:
    """The least multiple of `stride` that is no less than `length`."""
    return -(-length // stride) * stride
