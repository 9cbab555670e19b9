"""Examples: the images of a data set, one after the other for ever, without those that cannot be used."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mrcnn.config import Config
from mrcnn.learning.ground_truth import GroundTruth, load_image_gt

if TYPE_CHECKING:
    from mrcnn.utils import Dataset

LOG = logging.getLogger(__name__)

MOST_ERRORS = 5
"""As many images may fail to load, each reported; then training ends."""


def examples(
    dataset: Dataset,
    config: Config,
    shuffle: bool = True,
    augment: bool = False,
    augmentation: Any = None,
    no_augmentation_sources: Collection[str] | None = None,
) -> Iterator[GroundTruth]:
    """The images with at least one object; see `load_image_gt` for the arguments.

    Args:
        shuffle: in another order each time.
        no_augmentation_sources: sources whose images are not augmented.

    Raises:
        ValueError: the data set has no images, or none has an object.
        whatever loading an image raises, after `MOST_ERRORS` were reported.
    """
    image_ids = np.copy(dataset.image_ids)
    if not len(image_ids):
        raise ValueError("the data set has no images: add some with add_image, then call prepare()")
    errors = 0
    while True:
        if shuffle:
            np.random.shuffle(image_ids)
        found = 0
        for image_id in image_ids:
            plain = dataset.image_info[image_id]["source"] in (no_augmentation_sources or ())
            changes = None if plain else augmentation
            try:
                example = load_image_gt(dataset, config, image_id, augment, changes, config.USE_MINI_MASK)
            except Exception:
                errors += 1
                if errors > MOST_ERRORS:
                    raise
                LOG.exception("Error processing image %s, which is skipped", dataset.image_info[image_id])
                continue
            if (example.class_ids > 0).any():
                found += 1
                yield example
        if not found:
            raise ValueError(
                f"none of the {len(image_ids)} images of the data set has an object to learn: check "
                "load_mask and the class ids that it returns"
            )
