"""Targets with the library's arguments, in pixels, over those that training uses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.targets import POSITIVE, Truth, roi_targets, rpn_targets
from mrcnn.config import Config
from mrcnn.network.translating import typed

SHARE_ON_OBJECTS = 0.9
"""Of the proposals that `generate_random_rois` makes up."""


def build_rpn_targets(
    image_shape: Sequence[int],
    anchors: npt.NDArray,
    gt_class_ids: npt.NDArray[np.int32],
    gt_boxes: npt.NDArray,
    config: Config,
) -> tuple[npt.NDArray[np.int32], Floats]:
    """Which anchors the RPN learns from, and the deltas of those on objects.

    Args:
        image_shape: not needed.
        anchors: (A, 4), y1 x1 y2 x2 in pixels.
        gt_class_ids: (N,); negative: a crowd.
        gt_boxes: (N, 4), y1 x1 y2 x2 in pixels.
        config: the settings.

    Returns:
        int32 (A,): 1 object, -1 background, 0 not used; and (RPN_TRAIN_ANCHORS_PER_IMAGE, 4): the deltas of
        the anchors with 1, in their order, then zeros.
    """
    match, deltas = match_anchors(anchors, gt_class_ids, gt_boxes, config)
    compact = np.zeros((config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4), np.float32)
    positive = np.flatnonzero(match == POSITIVE)
    compact[: len(positive)] = deltas[positive]
    return match, compact


def match_anchors(
    anchors: npt.NDArray, gt_class_ids: npt.NDArray[np.int32], gt_boxes: npt.NDArray, config: Config
) -> tuple[npt.NDArray[np.int32], Floats]:
    """As `build_rpn_targets`, with deltas (A, 4) for all anchors."""
    objects = gt_class_ids > 0
    truth = Truth(
        boxes=gt_boxes[objects].astype(np.float32),
        class_ids=gt_class_ids[objects],
        mini_masks=np.zeros((0, 0, 0), np.uint8),  # the RPN learns none
        crowd_boxes=gt_boxes[gt_class_ids < 0].astype(np.float32),
    )
    return rpn_targets(anchors.astype(np.float32), truth, typed(config), random_numbers())


def build_detection_targets(
    rpn_rois: npt.NDArray,
    gt_class_ids: npt.NDArray[np.int32],
    gt_boxes: npt.NDArray,
    gt_masks: npt.NDArray[np.bool_],
    config: Config,
) -> tuple[npt.NDArray, npt.NDArray[np.int32], Floats, Floats]:
    """What the heads would learn from proposals, for looking at; training chooses its own inside the step.

    The objects' own boxes are proposals too.

    Args:
        rpn_rois: (R, 4), y1 x1 y2 x2 in pixels.
        gt_class_ids: int32 (N,).
        gt_boxes: (N, 4), y1 x1 y2 x2 in pixels.
        gt_masks: (H, W, N), or mini masks if USE_MINI_MASK.
        config: the settings.

    Returns:
        T = TRAIN_ROIS_PER_IMAGE boxes (T, 4) in pixels, class ids (T,) with 0 for background, deltas
        (T, classes, 4) and masks (T, 28, 28, classes), both zero but for the own class.

    Raises:
        ValueError: there is no object.
    """
    objects = gt_class_ids > 0
    if not objects.any():
        raise ValueError("an image without objects has no targets: skip it")
    boxes, masks = gt_boxes[objects], gt_masks[:, :, objects]
    minis = [
        masks[:, :, index] if config.USE_MINI_MASK else masks[y1:y2, x1:x2, index]
        for index, (y1, x1, y2, x2) in enumerate(boxes)
    ]
    largest = tuple(np.max([mini.shape for mini in minis], axis=0))
    settings = typed(config)
    truth = Truth(
        boxes.astype(np.float32),
        gt_class_ids[objects],
        stretched(minis, largest),
        gt_boxes[gt_class_ids < 0].astype(np.float32),
    )
    chosen = roi_targets(rpn_rois.astype(np.float32), truth, settings, random_numbers())
    count = settings.train_rois_per_image
    places = np.flatnonzero(chosen.class_ids >= 0)
    background = np.flatnonzero(chosen.class_ids == 0)
    again = background if len(background) else places  # instead of padding, as the library does
    places = np.concatenate([places, np.resize(again, count - len(places))])
    class_ids = chosen.class_ids[places]
    deltas = np.zeros((count, settings.num_classes, 4), np.float32)
    of_class = np.zeros((count, *settings.mask_shape, settings.num_classes), np.float32)
    for slot in np.flatnonzero(class_ids > 0):
        deltas[slot, class_ids[slot]] = chosen.deltas[places[slot]]
        of_class[slot, :, :, class_ids[slot]] = chosen.masks[places[slot]]
    return chosen.rois[places].astype(rpn_rois.dtype), class_ids, deltas, of_class


def stretched(masks: Sequence[npt.NDArray], shape: Sequence[int]) -> npt.NDArray[np.uint8]:
    """Masks (h, w) of any sizes as uint8 (N, *shape), each pixel repeated or left out."""
    result = np.zeros((len(masks), *shape), np.uint8)
    for slot, mask in enumerate(masks):
        rows, columns = (
            (np.arange(new) + 0.5) * old / new for old, new in zip(mask.shape, shape, strict=True)
        )
        result[slot] = mask[rows.astype(int)[:, None], columns.astype(int)]
    return result


def generate_random_rois(
    image_shape: Sequence[int], count: int, gt_class_ids: npt.NDArray, gt_boxes: npt.NDArray
) -> npt.NDArray[np.int32]:
    """Made-up proposals, int32 (count, 4) in pixels: most of them near objects, the rest anywhere."""
    rng = random_numbers()
    per_box = int(SHARE_ON_OBJECTS * count / max(1, len(gt_boxes)))
    height, width = image_shape[:2]
    rois = []
    for y1, x1, y2, x2 in gt_boxes:
        rows, columns = y2 - y1, x2 - x1
        around = max(y1 - rows, 0), max(x1 - columns, 0), min(y2 + rows, height), min(x2 + columns, width)
        rois.append(_boxes_in(around, per_box, rng))
    rois.append(_boxes_in((0, 0, height, width), count - per_box * len(gt_boxes), rng))
    return np.concatenate(rois).astype(np.int32)


def random_numbers() -> np.random.Generator:
    """A generator that follows from `np.random.seed`, which scripts of the library's time call."""
    return np.random.default_rng(np.random.randint(2**31))


def _boxes_in(window: Sequence[int], count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Boxes of at least one pixel: two different edges on each axis."""
    y1, x1, y2, x2 = window
    edges = []
    for low, high in ((y1, y2), (x1, x2)):
        first = rng.integers(low, high, count)
        other = low + (first - low + rng.integers(1, high - low + 1, count)) % (high - low + 1)
        edges.append(np.sort(np.stack([first, other]), axis=0))
    (top, bottom), (left, right) = edges
    return np.stack([top, left, bottom, right], axis=1)
