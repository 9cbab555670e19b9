"""The library's data generators: batches as lists of arrays in its order, for looking at or for own loops."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import numpy.typing as npt

from mrcnn.config import Config
from mrcnn.detecting.molding import mold_image
from mrcnn.learning.batches import few_enough, pixel_anchors
from mrcnn.learning.examples import examples
from mrcnn.learning.ground_truth import GroundTruth
from mrcnn.learning.targets import build_detection_targets, build_rpn_targets, generate_random_rois

if TYPE_CHECKING:
    from mrcnn.utils import Dataset

Lists = tuple[list[npt.NDArray], list[npt.NDArray]]
"""Inputs: images float32 (B, H, W, channels), meta rows, rpn_match (B, A, 1), rpn_bbox (B, N, 4), class ids
(B, M), boxes (B, M, 4) in pixels, masks (B, h, w, M); made-up proposals and chosen ones, if asked for.
Outputs: class ids (B, T, 1), deltas and masks of the chosen proposals, if asked for."""


def data_generator(
    dataset: Dataset,
    config: Config,
    shuffle: bool = True,
    augment: bool = False,
    augmentation: Any = None,
    random_rois: int = 0,
    batch_size: int = 1,
    detection_targets: bool = False,
    no_augmentation_sources: Collection[str] | None = None,
) -> Iterator[Lists]:
    """Yield batches for ever.

    Args:
        dataset, config, shuffle, augment, augmentation, no_augmentation_sources: see `examples`.
        random_rois: number of made-up proposals for each image.
        batch_size: number of images.
        detection_targets: choose from the made-up proposals what the heads would learn from.
    """
    source = examples(dataset, config, shuffle, augment, augmentation, no_augmentation_sources)
    while True:
        chosen = [next(source) for _ in range(batch_size)]
        yield lists_of(chosen, config, random_rois, detection_targets)


class DataGenerator(keras.utils.PyDataset):
    """The same as a sequence of batches of BATCH_SIZE images, as ports of the library to TensorFlow 2 do."""

    def __init__(
        self,
        dataset: Dataset,
        config: Config,
        shuffle: bool = True,
        augmentation: Any = None,
        random_rois: int = 0,
        detection_targets: bool = False,
    ) -> None:
        super().__init__()
        self._length = -(-len(dataset.image_ids) // config.BATCH_SIZE)
        self._batches = data_generator(
            dataset,
            config,
            shuffle,
            augmentation=augmentation,
            random_rois=random_rois,
            batch_size=config.BATCH_SIZE,
            detection_targets=detection_targets,
        )

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> Lists:
        """The next batch, whichever is asked for, as the order is random."""
        return next(self._batches)


def lists_of(
    chosen: Sequence[GroundTruth], config: Config, random_rois: int, detection_targets: bool
) -> Lists:
    """A batch of these examples; see `Lists`."""
    of_examples = [_lists_of(example, config, random_rois, detection_targets) for example in chosen]
    inputs, outputs = zip(*of_examples, strict=True)
    return _stacked(inputs), _stacked(outputs)


def _lists_of(example: GroundTruth, config: Config, random_rois: int, detection_targets: bool) -> Lists:
    anchors = pixel_anchors(config, example.image.shape)
    match, deltas = build_rpn_targets(example.image.shape, anchors, example.class_ids, example.bbox, config)
    made_up: list[npt.NDArray] = []
    targets: list[npt.NDArray] = []
    if random_rois:
        rois = generate_random_rois(example.image.shape, random_rois, example.class_ids, example.bbox)
        made_up = [rois]
        if detection_targets:
            chosen, class_ids, boxes, masks = build_detection_targets(
                rois, example.class_ids, example.bbox, example.mask, config
            )
            made_up.append(chosen)
            targets = [class_ids[:, None], boxes, masks]
    example = few_enough(example, config)
    missing = config.MAX_GT_INSTANCES - len(example.bbox)
    inputs: list[npt.NDArray] = [
        mold_image(example.image, config),
        example.image_meta,
        match[:, None],
        deltas,
        np.pad(example.class_ids, (0, missing)),
        np.pad(example.bbox, ((0, missing), (0, 0))),
        np.pad(example.mask, ((0, 0), (0, 0), (0, missing))),
        *made_up,
    ]
    return inputs, targets


def _stacked(of_examples: Sequence[Sequence[npt.NDArray]]) -> list[npt.NDArray]:
    return [np.stack(arrays) for arrays in zip(*of_examples, strict=True)]
