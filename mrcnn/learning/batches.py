"""Batches: examples as the arrays of one training step."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from model.families.mask_rcnn.batches import Batch
from model.families.mask_rcnn.boxes import normalize
from mrcnn import utils
from mrcnn.config import Config
from mrcnn.detecting.molding import mold_image
from mrcnn.detecting.picture_meta import COLUMNS
from mrcnn.learning.ground_truth import GroundTruth
from mrcnn.learning.targets import match_anchors, random_numbers, stretched
from mrcnn.network.building import compute_backbone_shapes

AHEAD = 3
"""Batches that are prepared while the network computes."""
ANY_SIZE = ("pad64", "none")
"""Resize modes whose pictures differ in size from batch to batch."""


def pixel_anchors(config: Config, image_shape: Sequence[int]) -> npt.NDArray:
    """All anchors (A, 4) for a picture of that shape, y1 x1 y2 x2 in pixels."""
    return utils.generate_pyramid_anchors(
        config.RPN_ANCHOR_SCALES,
        config.RPN_ANCHOR_RATIOS,
        compute_backbone_shapes(config, image_shape).tolist(),
        config.BACKBONE_STRIDES,
        config.RPN_ANCHOR_STRIDE,
    )


def few_enough(example: GroundTruth, config: Config) -> GroundTruth:
    """The example with at most MAX_GT_INSTANCES objects, chosen at random."""
    if len(example.bbox) <= config.MAX_GT_INSTANCES:
        return example
    kept = np.random.choice(len(example.bbox), config.MAX_GT_INSTANCES, replace=False)
    return example._replace(
        class_ids=example.class_ids[kept], bbox=example.bbox[kept], mask=example.mask[:, :, kept]
    )


def dataset_of(examples: Callable[[], Iterator[GroundTruth]], config: Config) -> tf.data.Dataset:
    """Batches of BATCH_SIZE examples for `TrainingNetwork`, for `fit`; each pass calls `examples` anew.

    Raises ValueError if the pictures of the first batch differ in size, and what the examples raise.
    """

    def batches() -> Iterator[Batch]:
        source = examples()
        while True:
            yield _batch([next(source) for _ in range(config.BATCH_SIZE)], config)

    first = next(batches())

    free = config.IMAGE_RESIZE_MODE in ANY_SIZE
    signature = {
        name: tf.TensorSpec(_open(name, array.shape, config) if free else array.shape, array.dtype)
        for name, array in first.items()
    }
    return tf.data.Dataset.from_generator(batches, output_signature=signature).prefetch(AHEAD)


def _open(name: str, shape: tuple[int, ...], config: Config) -> tuple[int | None, ...]:
    """The shape without the sides that depend on the picture's."""
    dependent = {"picture": (1, 2), "rpn_match": (1,), "rpn_deltas": (1,)}
    if not config.USE_MINI_MASK:
        dependent["mini_masks"] = (2, 3)
    return tuple(None if axis in dependent.get(name, ()) else side for axis, side in enumerate(shape))


def _batch(examples: Sequence[GroundTruth], config: Config) -> Batch:
    shapes = sorted({example.image.shape for example in examples})
    if len(shapes) > 1:
        raise ValueError(
            f"with IMAGE_RESIZE_MODE {config.IMAGE_RESIZE_MODE!r} the pictures of a batch differ in size "
            f'({shapes}): use "square" or "crop", or IMAGES_PER_GPU = 1'
        )
    anchors = pixel_anchors(config, shapes[0])
    of_examples = [_arrays(few_enough(example, config), anchors, config) for example in examples]
    return {name: np.stack([arrays[name] for arrays in of_examples]) for name in of_examples[0]}


def _arrays(example: GroundTruth, anchors: npt.NDArray, config: Config) -> Batch:
    """See `families.mask_rcnn.batches.BatchSource`."""
    height, width = example.image.shape[:2]
    match, deltas = match_anchors(anchors, example.class_ids, example.bbox, config)
    objects = example.class_ids > 0
    room = config.MAX_GT_INSTANCES
    boxes = normalize(example.bbox, height, width)
    return {
        "picture": mold_image(example.image, config),
        "rpn_match": match,
        "rpn_deltas": deltas,
        "boxes": _padded(boxes[objects], room),
        "class_ids": _padded(example.class_ids[objects], room),
        "mini_masks": _padded(_mini_masks(example, objects, config), room),
        "crowd_boxes": _padded(boxes[example.class_ids < 0], room),
        "labelled": example.image_meta[COLUMNS["active_class_ids"]].astype(np.int32),
        "seed": np.array(random_numbers().integers(2**31), np.int32),
    }


def _mini_masks(
    example: GroundTruth, objects: npt.NDArray[np.bool_], config: Config
) -> npt.NDArray[np.uint8]:
    """Each object's mask, stretched from its box; whole ones to the picture's size."""
    chosen = np.flatnonzero(objects)
    if config.USE_MINI_MASK:
        return example.mask[:, :, chosen].transpose(2, 0, 1).astype(np.uint8)
    cut = [example.mask[y1:y2, x1:x2, index] for index in chosen for y1, x1, y2, x2 in [example.bbox[index]]]
    return stretched(cut, example.image.shape[:2])


def _padded(rows: npt.NDArray, length: int) -> npt.NDArray:
    return np.pad(rows, ((0, length - len(rows)), *((0, 0) for _ in rows.shape[1:])))
