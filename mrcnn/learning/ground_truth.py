"""Ground truth: an image of a data set with its objects, resized and augmented."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mrcnn import utils
from mrcnn.config import Config
from mrcnn.detecting.molding import check_channels, resized
from mrcnn.detecting.picture_meta import compose_image_meta

if TYPE_CHECKING:
    from mrcnn.utils import Dataset

LOG = logging.getLogger(__name__)


class GroundTruth(NamedTuple):
    """One image of a data set, as the library's `load_image_gt` returns it.

    Attributes:
        image: (H, W, channels), resized and padded.
        image_meta: (12 + classes,), see `compose_image_meta`.
        class_ids: int32 (N,); negative: a crowd.
        bbox: int32 (N, 4), y1 x1 y2 x2 in pixels.
        mask: bool (H, W, N) or, as mini masks, (56, 56, N).
    """

    image: npt.NDArray
    image_meta: npt.NDArray[np.float64]
    class_ids: npt.NDArray[np.int32]
    bbox: npt.NDArray[np.int32]
    mask: npt.NDArray[np.bool_]


def load_image_gt(
    dataset: Dataset,
    config: Config,
    image_id: int,
    augment: bool = False,
    augmentation: Any = None,
    use_mini_mask: bool = False,
) -> GroundTruth:
    """The image of that number with the objects that are still seen after cropping and augmentation.

    Args:
        dataset: prepared.
        config: says how to resize.
        image_id: one of `dataset.image_ids`.
        augment: flip left and right at random; the library's older way.
        augmentation: an augmenter of imgaug, for image and masks alike.
        use_mini_mask: cut each mask to its box and resize it to MINI_MASK_SHAPE.

    Raises:
        ValueError: the image has other channels, its masks another size, an object a class that the network
            does not have, or the augmenter changed the size.
    """
    image = dataset.load_image(image_id)
    mask, class_ids = dataset.load_mask(image_id)
    check_channels(image, config)
    _check_masks(mask, class_ids, image, dataset, image_id)
    _check_classes(class_ids, config, dataset, image_id)
    original_shape = image.shape
    image, window, scale, padding, crop = resized(image, config)
    mask = utils.resize_mask(mask, scale, padding, crop)
    if augment:
        LOG.warning("augment is deprecated: use augmentation=imgaug.augmenters.Fliplr(0.5)")
        if np.random.randint(2):
            image, mask = np.fliplr(image), np.fliplr(mask)
    if augmentation:
        image, mask = _augmented(image, mask, augmentation)
    mask = mask.astype(bool)
    seen = mask.any(axis=(0, 1))
    mask, class_ids = mask[:, :, seen], np.asarray(class_ids, np.int32)[seen]
    boxes = utils.extract_bboxes(mask)
    labelled = np.zeros(dataset.num_classes, np.int32)
    labelled[dataset.source_class_ids[dataset.image_info[image_id]["source"]]] = 1
    meta = compose_image_meta(image_id, original_shape, image.shape, window, scale, labelled)
    if use_mini_mask:
        mask = utils.minimize_mask(boxes, mask, config.MINI_MASK_SHAPE)
    return GroundTruth(image, meta, class_ids, boxes, mask)


def _check_masks(
    mask: npt.NDArray, class_ids: npt.NDArray, image: npt.NDArray, dataset: Dataset, image_id: int
) -> None:
    if (
        mask.ndim != 3
        or mask.shape[2] != len(class_ids)
        or (len(class_ids) and mask.shape[:2] != image.shape[:2])
    ):
        raise ValueError(
            f"load_mask({image_id}) of {dataset.image_info[image_id]['id']!r} returned masks {mask.shape} "
            f"and {len(class_ids)} class ids for an image {image.shape}: (height, width, objects) of the "
            "image's size and as many class ids are needed"
        )


def _check_classes(class_ids: npt.NDArray, config: Config, dataset: Dataset, image_id: int) -> None:
    highest = max((abs(int(class_id)) for class_id in class_ids), default=0)
    if highest >= config.NUM_CLASSES:
        raise ValueError(
            f"load_mask({image_id}) of {dataset.image_info[image_id]['id']!r} returned the class id "
            f"{highest}, but NUM_CLASSES is {config.NUM_CLASSES}: it counts the background, so it is higher "
            "than any class id"
        )


def _augmented(
    image: npt.NDArray, mask: npt.NDArray, augmentation: Any
) -> tuple[npt.NDArray, npt.NDArray[np.bool_]]:
    same_for_both = augmentation.to_deterministic()
    new_image = same_for_both.augment_image(image)
    new_mask = same_for_both.augment_masks(mask.astype(bool))
    if new_image.shape != image.shape or new_mask.shape != mask.shape:
        raise ValueError(
            f"the augmentation turned an image {image.shape} into {new_image.shape}: use augmenters that "
            "keep the size (keep_size=True)"
        )
    return new_image, new_mask
