"""Agreement: how often a classifier in one engine and precision gives another class than its reference."""

from __future__ import annotations

import math

from tqdm import tqdm

from model.data import DataSet, Subset
from model.engines.pacing import in_time
from model.engines.stages import Runner
from model.segmenter import Segmenter
from model.storage.manifest import Export

LARGEST_DISAGREEMENT = {"f32": 0.002, "bf16": 0.01, "int8": 0.02}
"""The largest share of pictures that may get another class."""


class AgreementGauge:
    """Measures runners of a classifier against the reference, as `gauge.Gauge` does for other models."""

    def __init__(self, reference: Segmenter, pictures: DataSet, seconds: float = math.inf) -> None:
        """Classify the pictures with the reference, as many as it can within the time limit `seconds`."""
        self.bundle = reference.bundle
        bar = tqdm(in_time(len(pictures), seconds), desc="reference", unit="image", total=len(pictures))
        self._expected = {index: reference.classify(pictures[index].image).class_id for index in bar}
        self.pictures = Subset(pictures, list(self._expected))

    def lost(self, runner: Runner, *, progress: bool = False) -> float:
        """Return the share of pictures that get another class, 0 to 1."""
        segmenter, expected = Segmenter(self.bundle, runner), list(self._expected.values())
        bar = tqdm(range(len(expected)), desc="evaluate", unit="image", disable=not progress)
        wrong = [segmenter.classify(self.pictures[index].image).class_id != expected[index] for index in bar]
        return sum(wrong) / len(wrong)

    def largest_loss(self, precision: str) -> float:
        return LARGEST_DISAGREEMENT[precision]

    def export_of(self, runner: Runner) -> Export:
        """Measure a runner, and return the entry for the manifest."""
        lost = self.lost(runner, progress=True)
        return Export(
            passed=lost <= self.largest_loss(runner.precision),
            pictures=len(self.pictures),
            against="reference",
            agreement_lost=round(lost, 4),
        )
