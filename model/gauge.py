"""Gauge: what a way to run a model loses against its reference."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from model.data import DataSet, Sample
from model.engines.stages import Runner
from model.evaluation import evaluate
from model.segmenter import Segmenter

LARGEST_LOSS = {"f32": 0.002, "bf16": 0.002, "int8": 0.005}
"""Of AP50, or mean IoU, against labels (of 1): more, and a precision is used only where it is asked for."""
LARGEST_DISAGREEMENT = {"f32": 0.01, "bf16": 0.03, "int8": 0.05}
"""The same without labels, where the truth is what the reference answers."""


class Gauge:
    """Says what a way to run a model loses against its reference."""

    def __init__(self, reference: Segmenter, pictures: DataSet) -> None:
        self.bundle = reference.bundle
        self.labelled = any(len(pictures[index]) for index in range(len(pictures)))
        self.pictures = pictures if self.labelled else Answered(reference, pictures)
        self.best = self._ap50(reference) if self.labelled else 1.0

    def lost(self, runner: Runner) -> float:
        """AP50, of 1, at the model's own threshold."""
        return self.best - self._ap50(Segmenter(self.bundle, runner))

    def largest_loss(self, precision: str) -> float:
        return (LARGEST_LOSS if self.labelled else LARGEST_DISAGREEMENT)[precision]

    def _ap50(self, segmenter: Segmenter) -> float:
        result = evaluate(segmenter.segment, self.pictures, iou_thresholds=(0.5,))
        return float(np.mean([image.average_precision[0] for image in result.images]))


class Answered:
    """Pictures whose truth is what a model answers."""

    def __init__(self, segmenter: Segmenter, pictures: DataSet) -> None:
        self.classes = segmenter.bundle.manifest.classes
        self.ids, self.kinds = pictures.ids, pictures.kinds
        self._pictures = pictures
        indices = tqdm(range(len(pictures)), desc="reference", unit="image")
        self._answers = [segmenter.segment(pictures[index].image) for index in indices]

    def __len__(self) -> int:
        return len(self._answers)

    def __getitem__(self, index: int) -> Sample:
        sample, answer = self._pictures[index], self._answers[index]
        return Sample(sample.id, sample.image, answer.boxes, answer.class_ids, answer.masks)
