"""Augmentation: one labelled image → a square training picture, changed at random each time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict

from model.data.sample import Sample
from model.families.mask_rcnn.boxes import Floats, normalize
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.fit import scale_of
from model.families.mask_rcnn.molding import grey_range_of, stretch_contrast, subtract_mean
from model.families.mask_rcnn.targets import Truth


@dataclass(frozen=True)
class Augmentation:
    """What may change about a picture: probabilities from 0 to 1, factors, and grey levels.

    The defaults suit micrographs, which have no up and no fixed sign of contrast. `UPRIGHT` suits photos.
    Raises ValueError, saying what would be right, for impossible values.
    """

    __pydantic_config__ = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    quarter_turns: bool = True
    """Whether pictures are turned by 0, 90, 180 or 270 degrees."""
    vertical_flip: bool = True
    """Whether pictures are turned upside down; they are always mirrored from left to right."""
    zoom: tuple[float, float] = (0.6, 1.6)
    """Least and largest factor of the scale of detection; above 0."""
    contrast: tuple[float, float] = (0.75, 1.3)
    """Least and largest factor of contrast; above 0."""
    brightness: float = 20.0
    """Grey levels either way; 0 or more."""
    gamma: tuple[float, float] = (0.65, 1.5)
    """Least and largest gamma; above 0."""
    channel_gain: float = 0.15
    """Each colour channel has its own factor, 1 ± this; 0 or more."""
    grey: float = 0.15
    """Probability that a picture becomes grey."""
    invert: float = 0.08
    """Probability that a grey picture is inverted: bright on dark, dark on bright."""
    blur: float = 0.15
    """Probability of blur."""
    noise: float = 0.25
    """Probability of noise."""
    least_visible: float = 0.1
    """Objects of which the crop shows a smaller share count as background, 0 to 1."""

    def __post_init__(self) -> None:
        for name in ("zoom", "contrast", "gamma"):
            low, high = getattr(self, name)
            if not 0 < low <= high < math.inf:
                raise ValueError(f"{name} {low, high}: give the lowest factor, above 0, then the highest")
        for name in ("grey", "invert", "blur", "noise", "least_visible"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} {getattr(self, name)} is outside 0…1")
        for name in ("brightness", "channel_gain"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} {getattr(self, name)}: give 0 or more")


UPRIGHT = Augmentation(quarter_turns=False, vertical_flip=False, invert=0.0, zoom=(0.75, 1.33))
UNCHANGED = Augmentation(
    quarter_turns=False,
    vertical_flip=False,
    zoom=(1.0, 1.0),
    contrast=(1.0, 1.0),
    brightness=0.0,
    gamma=(1.0, 1.0),
    channel_gain=0.0,
    grey=0.0,
    invert=0.0,
    blur=0.0,
    noise=0.0,
)
"""For validation: only the part that is seen, and whether it is mirrored, are random."""


@dataclass(frozen=True)
class _Scene:
    """The content of the square; boxes are int32 x1 y1 x2 y2 in its pixels, half-open."""

    window: npt.NDArray[np.int32]  # (1, 4): where the image lies in the square
    boxes: npt.NDArray[np.int32]  # (N, 4)
    class_ids: npt.NDArray[np.int32]
    masks: list[npt.NDArray[np.uint8]]
    crowd_boxes: npt.NDArray[np.int32]  # (M, 4)


def augment(
    sample: Sample, size: int, config: Config, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[Floats, Truth]:
    """A random part of the image, at about the scale that detection uses, and the objects in it.

    Returns:
        float32 (size, size, 3), mean subtracted; and at most `max_gt_instances` objects.
    """
    height, width = sample.image.shape[:2]
    low, high = np.log(augmentation.zoom)
    scale = scale_of(height, width, config) * float(np.exp(rng.uniform(low, high)))
    side = max(1, round(size / scale))
    grey_range = grey_range_of(sample.image, config)
    image = stretch_contrast(sample.image, grey_range) if grey_range else sample.image
    image, scene = _crop(image, sample, side, augmentation.least_visible, rng)
    image, scene = _turn(image, scene, augmentation, rng)
    picture = _change_intensity(_at_size(image, size), augmentation, rng)
    picture = _black_beyond(picture, np.rint(scene.window[0] * (size / side)).astype(int))
    return subtract_mean(picture, config), _truth(scene, side, config, rng)


def _crop(
    image: npt.NDArray, sample: Sample, side: int, least_visible: float, rng: np.random.Generator
) -> tuple[npt.NDArray, _Scene]:
    """A random square of `side` pixels of the sample's `image`, black where it extends beyond the image."""
    height, width = image.shape[:2]
    top = int(rng.integers(min(0, height - side), max(0, height - side) + 1))
    left = int(rng.integers(min(0, width - side), max(0, width - side) + 1))
    y1, x1, y2, x2 = max(top, 0), max(left, 0), min(top + side, height), min(left + side, width)
    square = np.zeros((side, side, 3), image.dtype)
    square[y1 - top : y2 - top, x1 - left : x2 - left] = image[y1:y2, x1:x2]

    boxes, class_ids, masks = [], [], []
    for box, class_id, mask in zip(sample.boxes, sample.class_ids, sample.masks, strict=True):
        part = mask[max(y1 - box[1], 0) : max(y2 - box[1], 0), max(x1 - box[0], 0) : max(x2 - box[0], 0)]
        if not part.any() or np.count_nonzero(part) < least_visible * np.count_nonzero(mask):
            continue
        rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
        if min(rows[-1] - rows[0], columns[-1] - columns[0]) < 1:
            continue  # one pixel wide: such a box has no extent in normalised coordinates, hence no deltas
        part = part[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        part_y1 = max(box[1], y1) + rows[0] - top
        part_x1 = max(box[0], x1) + columns[0] - left
        boxes.append((part_x1, part_y1, part_x1 + part.shape[1], part_y1 + part.shape[0]))
        class_ids.append(class_id)
        masks.append(part)
    origin = np.array([left, top, left, top], np.int32)
    crowd_boxes = np.clip(sample.crowd_boxes, (x1, y1, x1, y1), (x2, y2, x2, y2)).astype(np.int32)
    seen = (crowd_boxes[:, 2:] > crowd_boxes[:, :2]).all(axis=1)
    return square, _Scene(
        window=np.array([[x1, y1, x2, y2]], np.int32) - origin,
        boxes=np.array(boxes, np.int32).reshape(-1, 4),
        class_ids=np.array(class_ids, np.int32),
        masks=masks,
        crowd_boxes=crowd_boxes[seen] - origin,
    )


def _turn(
    image: npt.NDArray, scene: _Scene, augmentation: Augmentation, rng: np.random.Generator
) -> tuple[npt.NDArray, _Scene]:
    """Random flips and quarter turns of the square image."""
    side = len(image)
    masks = scene.masks
    boxes = np.concatenate([scene.window, scene.boxes, scene.crowd_boxes])
    flip_columns = rng.random() < 0.5
    flip_rows = augmentation.vertical_flip and rng.random() < 0.5
    transpose = augmentation.quarter_turns and rng.random() < 0.5  # with the flips: all eight orientations
    if flip_columns:
        image, masks = image[:, ::-1], [mask[:, ::-1] for mask in masks]
        boxes = np.stack([side - boxes[:, 2], boxes[:, 1], side - boxes[:, 0], boxes[:, 3]], axis=1)
    if flip_rows:
        image, masks = image[::-1], [mask[::-1] for mask in masks]
        boxes = np.stack([boxes[:, 0], side - boxes[:, 3], boxes[:, 2], side - boxes[:, 1]], axis=1)
    if transpose:
        image, masks = image.transpose(1, 0, 2), [mask.T for mask in masks]
        boxes = boxes[:, [1, 0, 3, 2]]
    window, boxes, crowd_boxes = np.split(boxes, [1, 1 + len(masks)])
    return image, _Scene(window, boxes, scene.class_ids, masks, crowd_boxes)


def _at_size(crop: npt.NDArray, size: int) -> Floats:
    """float32 (size, size, 3)."""
    method = cv2.INTER_AREA if size < len(crop) else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(crop), (size, size), interpolation=method), np.float32)


def _change_intensity(picture: npt.NDArray, augmentation: Augmentation, rng: np.random.Generator) -> Floats:
    is_grey = bool((picture == picture[..., :1]).all())
    if is_grey and rng.random() < augmentation.invert:
        picture = 255 - picture
    if not is_grey and rng.random() < augmentation.grey:
        picture = np.repeat(picture.mean(axis=-1, keepdims=True), 3, axis=-1)
        is_grey = True
    low, high = np.log(augmentation.gamma)
    picture = 255 * (np.maximum(picture, 0) / 255) ** np.float32(np.exp(rng.uniform(low, high)))
    gain = np.float32(rng.uniform(*augmentation.contrast))
    shift = np.float32(rng.uniform(-augmentation.brightness, augmentation.brightness))
    picture = (picture - 128) * gain + 128 + shift
    if not is_grey:
        picture = picture * (1 + rng.uniform(-1, 1, 3).astype(np.float32) * augmentation.channel_gain)
    if rng.random() < augmentation.blur:
        picture = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.5, 1.5)))
    if rng.random() < augmentation.noise:
        noise = rng.standard_normal(picture.shape[:2], np.float32) * np.float32(rng.uniform(1, 10))
        picture = picture + noise[..., None]
    return picture.astype(np.float32)


def _black_beyond(picture: Floats, window_xyxy: npt.NDArray) -> Floats:
    """The picture, with the padding black again as in detection, after noise or inversion changed it."""
    x1, y1, x2, y2 = window_xyxy
    black = np.zeros_like(picture)
    black[y1:y2, x1:x2] = picture[y1:y2, x1:x2]
    return black


def _truth(scene: _Scene, side: int, config: Config, rng: np.random.Generator) -> Truth:
    chosen = np.arange(len(scene.boxes))
    if len(chosen) > config.max_gt_instances:
        chosen = np.sort(rng.choice(chosen, config.max_gt_instances, replace=False))
    mini_size = config.mini_mask_shape[::-1]
    mini_masks = [
        cv2.resize(
            np.ascontiguousarray(scene.masks[index]) * np.uint8(255),
            mini_size,
            interpolation=cv2.INTER_LINEAR,
        )
        >= 128
        for index in chosen
    ]
    return Truth(
        boxes=normalize(scene.boxes[chosen][:, [1, 0, 3, 2]], side, side),
        class_ids=scene.class_ids[chosen],
        mini_masks=np.array(mini_masks, np.uint8).reshape(-1, *config.mini_mask_shape),
        crowd_boxes=normalize(scene.crowd_boxes[: config.max_gt_instances][:, [1, 0, 3, 2]], side, side),
    )
