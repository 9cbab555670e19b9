"""Batches: the pictures and classes of one training step, which depend only on the seed and the step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from model.data.classified import ClassifiedFolder, ClassifiedPicture
from model.families.classifier.config import ClassifierConfig
from model.families.classifier.preprocessing import to_input
from model.families.classifier.training.augmentation import augment
from model.families.classifier.training.plan import ClassifyPlan
from model.training.ahead import prepared_ahead
from model.training.epochs import Epochs
from model.training.learner import Batch

PICTURES_IN_MEMORY_BYTES = 1 << 30
"""Memory for decoded pictures kept for the next epoch, assuming that all are as large as the first."""


class BatchSource:
    """Draws training batches: all pictures in a random order, then all in another order, and so on.

    A batch holds, for B pictures: `picture` float32 (B, S, S, 3), RGB, 0 to 255; `class_id` int32 (B,); and
    `weight` float32 (B,), of each picture in the loss, 1 on average over the data.
    """

    def __init__(self, data: ClassifiedFolder, config: ClassifierConfig, plan: ClassifyPlan) -> None:
        self._data = data
        self._config = config
        self._plan = plan
        self._weights = class_weights(data, plan)
        room = max(1, PICTURES_IN_MEMORY_BYTES // data[0].image.nbytes)
        self._picture = lru_cache(maxsize=room)(data.__getitem__)
        self._epochs = Epochs(len(data), plan.seed)

    def batches(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """Yield (step, batch) for first ≤ step < last; batches are prepared a few steps ahead."""
        return prepared_ahead(self._batch, first, last)

    def _batch(self, step: int) -> Batch:
        size = self._plan.batch_size
        examples = []
        for place in range(step * size, (step + 1) * size):
            picture = self._picture(self._epochs.picture_at(place))
            rng = self._epochs.view_at(place)
            shown = augment(
                picture.image, self._config.size, self._plan.augmentation, rng, contrast=self._config.contrast
            )
            examples.append((shown, picture.class_id))
        return _batch_of(examples, self._weights)


def unchanged(pictures: Sequence[ClassifiedPicture], config: ClassifierConfig) -> Batch:
    """The batch of these pictures as the trained network will see them, each with weight 1."""
    shown = [(to_input(p.image, config.size, contrast=config.contrast), p.class_id) for p in pictures]
    return _batch_of(shown, np.ones(1 + max(p.class_id for p in pictures), np.float32))


def class_weights(data: ClassifiedFolder, plan: ClassifyPlan) -> npt.NDArray[np.float32]:
    """float32 (K,): the weight of a picture of each class; 1 on average over the pictures."""
    count = np.bincount(data.class_ids, minlength=len(data.classes))
    if plan.class_weights == "none":
        return np.ones(len(count), np.float32)
    if plan.class_weights == "balanced":
        weights = len(data) / (np.count_nonzero(count) * np.maximum(count, 1))
    else:
        weights = np.array([plan.class_weights.get(name, 1.0) for name in data.classes])
    return np.asarray(weights * len(data) / (weights @ count), np.float32)


def _batch_of(
    examples: Sequence[tuple[npt.NDArray[np.float32], int]], weights: npt.NDArray[np.float32]
) -> Batch:
    class_ids = np.array([class_id for _, class_id in examples], np.int32)
    return {
        "picture": np.stack([picture for picture, _ in examples]),
        "class_id": class_ids,
        "weight": weights[class_ids],
    }
