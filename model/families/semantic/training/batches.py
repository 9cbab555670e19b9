"""Batches: the pictures and truths of one training step, which depend only on the seed and the step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from model.data.sample import DataSet
from model.families.pixels import to_channels
from model.families.semantic.config import SemanticConfig
from model.families.semantic.fit import plan_fit
from model.families.semantic.preprocessing import Values
from model.families.semantic.training.augmentation import Augmentation, Bytes, augment
from model.families.semantic.training.config import Gives
from model.families.semantic.training.truth import IGNORED, UNKNOWN, UNKNOWN_LABEL, Truth, truth_of
from model.training.ahead import prepared_ahead
from model.training.epochs import Epochs

Batch = dict[str, npt.NDArray]
SAMPLES_IN_MEMORY_BYTES = 1 << 30
"""Memory for decoded images kept for the next epoch, assuming that all are as large as the first."""


@dataclass(frozen=True)
class BatchSource:
    """Draws training batches from a data set.

    A batch holds, for B pictures of W × H pixels: `picture`, float32 (B, H, W, C), as the network takes it;
    `truth`, int32 (B, H, W) of class ids if classes exclude each other, else (B, H, W, K) of 0 and 1; both
    have IGNORED where the truth is unknown; and `learning`, float32 (B,), 0 as long as the encoder stays as
    it is, else 1.

    Attributes:
        data: the samples.
        config: how serving brings pictures to the network.
        gives: what the network gives.
        augmentation: what may change about a picture.
        batch_size: B.
        size: (W, H).
        seed: of all random numbers.
        frozen_steps: at how many first steps the encoder stays as it is.
    """

    data: DataSet
    config: SemanticConfig
    gives: Gives
    augmentation: Augmentation
    batch_size: int
    size: tuple[int, int]
    seed: int
    frozen_steps: int = 0

    def batches(self, first: int, last: int) -> Iterator[tuple[int, Batch]]:
        """Yield (step, batch) for first ≤ step < last; batches are prepared a few steps ahead.

        Each epoch has every sample once, in an order of its own; a batch may have the last samples of one and
        the first of the next.
        """
        return prepared_ahead(_Draw(self), first, last)

    def in_order(self) -> Iterator[Batch]:
        """Yield each sample once, the same on every call; the first samples again fill the last batch."""
        draw = _Draw(self)
        for first in range(0, len(self.data), self.batch_size):
            places = range(first, first + self.batch_size)
            yield draw.batch([(place, place % len(self.data)) for place in places])


class _Draw:
    """Makes the batch of a step; caches decoded samples."""

    def __init__(self, source: BatchSource) -> None:
        self.source = source
        room = max(1, SAMPLES_IN_MEMORY_BYTES // max(1, source.data[0].image.nbytes))
        self.sample = lru_cache(maxsize=room)(self._decoded)
        self.epochs = Epochs(len(source.data), source.seed)

    def __call__(self, step: int) -> Batch:
        source = self.source
        places = range(step * source.batch_size, (step + 1) * source.batch_size)
        learning = np.full(source.batch_size, step >= source.frozen_steps, np.float32)
        return {
            **self.batch([(place, self.epochs.picture_at(place)) for place in places]),
            "learning": learning,
        }

    def batch(self, chosen: list[tuple[int, int]]) -> Batch:
        """The batch of samples, each with its place in the run, which decides the random numbers."""
        examples = [self._example(index, place) for place, index in chosen]
        return {name: np.stack([example[name] for example in examples]) for name in examples[0]}

    def _decoded(self, index: int) -> tuple[Bytes, Truth]:
        sample = self.source.data[index]
        return sample.image, truth_of(sample, self.source.gives, len(self.source.data.classes))

    def _example(self, index: int, place: int) -> Batch:
        source = self.source
        image, truth = self.sample(index)
        scaled = plan_fit((image.shape[1], image.shape[0]), source.config).scaled
        rng = self.epochs.view_at(place)
        view, seen = augment(image, truth, scaled, source.size, source.augmentation, rng)
        channels = to_channels(view, source.config.channels)
        unknown = UNKNOWN if source.gives == "classes" else UNKNOWN_LABEL
        return {
            "picture": Values.of(channels, source.config).apply(channels, source.size)[0],
            "truth": np.where(seen == unknown, IGNORED, seen.astype(np.int32)),
            "learning": np.array(1, np.float32),
        }
