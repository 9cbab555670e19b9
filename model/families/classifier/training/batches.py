"""Batches: the pictures and classes of one training step, which depend only on the seed and the step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from model.data.classified import ClassifiedFolder, ClassifiedPicture
from model.families.classifier.config import ClassifierConfig
from model.families.classifier.preprocessing import to_input
from model.families.classifier.training.augmentation import augment
from model.families.classifier.training.plan import ClassifyPlan
from model.training.learner import Batch

PICTURES_IN_MEMORY_BYTES = 1 << 30
"""Memory for decoded pictures kept for the next epoch, assuming that all are as large as the first."""
BATCHES_AHEAD = 3


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
        self._order = lru_cache(maxsize=2)(self._order_of)  # a batch may lie in two epochs

    def batches(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """Yield (step, batch) for first ≤ step < last; batches are prepared a few steps ahead."""
        with ThreadPoolExecutor(max_workers=1) as executor:
            waiting = [
                executor.submit(self._batch, s) for s in range(first, min(first + BATCHES_AHEAD, last))
            ]
            for step in range(first, last):
                batch = waiting.pop(0).result()
                if step + BATCHES_AHEAD < last:
                    waiting.append(executor.submit(self._batch, step + BATCHES_AHEAD))
                yield step, batch

    def _batch(self, step: int) -> Batch:
        size, seed = self._plan.batch_size, self._plan.seed
        examples = []
        for place in range(step * size, (step + 1) * size):
            epoch, index = divmod(place, len(self._data))
            picture = self._picture(int(self._order(epoch)[index]))
            rng = np.random.default_rng((seed, 1, place))
            shown = augment(
                picture.image, self._config.size, self._plan.augmentation, rng, contrast=self._config.contrast
            )
            examples.append((shown, picture.class_id))
        return _batch_of(examples, self._weights)

    def _order_of(self, epoch: int) -> npt.NDArray[np.int64]:
        return np.random.default_rng((self._plan.seed, 0, epoch)).permutation(len(self._data))


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
