"""Batches: the pictures and targets of one training step, which depend only on the seed and the step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from model.data.sample import DataSet
from model.families.mask_rcnn.anchors import pyramid_anchors
from model.families.mask_rcnn.augmentation import Augmentation, augment
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.targets import Truth, rpn_targets
from model.training.ahead import prepared_ahead

Batch = dict[str, npt.NDArray]
SAMPLES_IN_MEMORY_BYTES = 1 << 30
"""Memory for decoded images kept for the next epoch, assuming that all are as large as the first."""


@dataclass(frozen=True)
class BatchSource:
    """Draws training batches from a data set.

    A batch holds, for B pictures of S × S pixels with A anchors and room for N objects: `picture`
    float32 (B, S, S, 3); `rpn_match` int32 (B, A) and `rpn_deltas` float32 (B, A, 4) as in `rpn_targets`;
    `boxes` float32 (B, N, 4), `class_ids` int32 (B, N), `mini_masks` uint8 (B, N, 56, 56) and
    `crowd_boxes` float32 (B, N, 4) as in `Truth`, padded with class 0 and with boxes of no extent; `seed`
    int32 (B,), the random seed used inside the step.
    """

    data: DataSet
    config: Config
    augmentation: Augmentation
    batch_size: int
    picture_size: int
    seed: int

    def batches(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """Yield (step, batch) for first ≤ step < last; batches are prepared a few steps ahead."""
        return prepared_ahead(_Draw(self), first, last)

    def in_order(self) -> Iterator[Batch]:
        """Yield each sample once, the same on every call; the first samples again fill the last batch."""
        draw = _Draw(self)
        for first in range(0, len(self.data), self.batch_size):
            indices = np.arange(first, first + self.batch_size) % len(self.data)
            yield draw.batch(indices, np.random.default_rng((self.seed, first)))


class _Draw:
    """Makes the batch of a step; caches decoded samples."""

    def __init__(self, source: BatchSource) -> None:
        self.source = source
        self.weights = _sampling_weights(source.data.kinds)
        self.anchors = pyramid_anchors(source.config, source.picture_size, source.picture_size)
        room = SAMPLES_IN_MEMORY_BYTES // source.data[0].image.nbytes
        self.sample = lru_cache(maxsize=room)(source.data.__getitem__)

    def __call__(self, step: int) -> Batch:
        source = self.source
        rng = np.random.default_rng((source.seed, step))
        indices = rng.choice(len(source.data), source.batch_size, p=self.weights)
        return self.batch(indices, rng)

    def batch(self, indices: npt.NDArray[np.int64], rng: np.random.Generator) -> Batch:
        """The batch of these samples."""
        examples = [self._example(int(index), rng) for index in indices]
        return {name: np.stack([example[name] for example in examples]) for name in examples[0]}

    def _example(self, index: int, rng: np.random.Generator) -> Batch:
        source = self.source
        picture, truth = augment(
            self.sample(index), source.picture_size, source.config, source.augmentation, rng
        )
        match, deltas = rpn_targets(self.anchors, truth, source.config, rng)
        return {
            "picture": picture,
            "rpn_match": match,
            "rpn_deltas": deltas,
            **_padded(truth, source.config.max_gt_instances),
            "seed": np.array(rng.integers(2**31), np.int32),
        }


def _sampling_weights(kinds: list[str | None]) -> npt.NDArray[np.float64]:
    """A kind that is n times rarer is drawn only √n times less often, so that rare kinds are learned too."""
    counts = Counter(kinds)
    weights = np.array([counts[kind] ** -0.5 for kind in kinds])
    return weights / weights.sum()


def _padded(truth: Truth, count: int) -> Batch:
    missing = count - len(truth.boxes)
    return {
        "boxes": np.pad(truth.boxes, ((0, missing), (0, 0))),
        "class_ids": np.pad(truth.class_ids, (0, missing)),
        "mini_masks": np.pad(truth.mini_masks, ((0, missing), (0, 0), (0, 0))),
        "crowd_boxes": np.pad(truth.crowd_boxes, ((0, count - len(truth.crowd_boxes)), (0, 0))),
    }
