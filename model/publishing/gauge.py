"""Gauge: what a way to run a model loses against its reference."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from model.data import DataSet, Sample
from model.engines.stages import Runner
from model.evaluation import evaluate
from model.evaluation.pixels import evaluate_pixels
from model.results.result import MOST_SEGMENTS
from model.results.segments import Segments
from model.segmenter import Segmenter
from model.storage.manifest import Export

LARGEST_LOSS = {"f32": 0.002, "bf16": 0.002, "int8": 0.005}
"""Of AP50, or mean IoU, against labels (of 1): more, and a precision is used only where it is asked for."""
LARGEST_DISAGREEMENT = {"f32": 0.01, "bf16": 0.03, "int8": 0.05}
"""The same without labels, where the truth is what the reference answers."""


class Gauge:
    """Says what a way to run a model loses against its reference.

    Attributes:
        measure: "ap50" where a model finds objects, "miou" (mean IoU of the classes) where it tells pixels.
        labelled: whether there are labels to measure against; else it is what the reference answers.
    """

    def __init__(self, reference: Segmenter, pictures: DataSet) -> None:
        self.bundle = reference.bundle
        self.measure: Literal["ap50", "miou"] = (
            "miou" if reference.bundle.manifest.task == "semantic" else "ap50"
        )
        self.labelled = any(len(pictures[index]) for index in range(len(pictures)))
        self.pictures = pictures if self.labelled else Answered(reference, pictures)
        self.best = self._quality(reference, progress=True) if self.labelled else 1.0

    def lost(self, runner: Runner, *, progress: bool = False) -> float:
        """How much of the measure, of 1, at the model's own threshold; below 0: it gains."""
        return self.best - self._quality(Segmenter(self.bundle, runner), progress)

    def largest_loss(self, precision: str) -> float:
        return (LARGEST_LOSS if self.labelled else LARGEST_DISAGREEMENT)[precision]

    def export_of(self, runner: Runner) -> Export:
        """What it loses, as a manifest keeps it."""
        lost = self.lost(runner, progress=True)
        rounded = round(lost, 4)
        return Export(
            passed=lost <= self.largest_loss(runner.precision),
            pictures=len(self.pictures),
            against="labels" if self.labelled else "reference",
            ap50_lost=rounded if self.measure == "ap50" else None,
            miou_lost=rounded if self.measure == "miou" else None,
        )

    def _quality(self, segmenter: Segmenter, progress: bool) -> float:
        if self.measure == "miou":
            # Where no class is, and none is found, nothing is wrong.
            mean_iou = evaluate_pixels(_answer_of(segmenter), self.pictures, progress=progress).mean_iou
            return 1.0 if mean_iou is None else mean_iou
        result = evaluate(_answer_of(segmenter), self.pictures, iou_thresholds=(0.5,), progress=progress)
        return float(np.mean([image.average_precision[0] for image in result.images]))


def _answer_of(segmenter: Segmenter) -> Callable[[npt.NDArray[np.uint8]], Segments]:
    """What a model says of a picture, of a semantic one no class cut off."""
    if segmenter.bundle.manifest.task == "semantic":
        return partial(segmenter.segment, max_segments=MOST_SEGMENTS)
    return segmenter.segment


class Answered:
    """Pictures whose truth is what a model answers."""

    def __init__(self, segmenter: Segmenter, pictures: DataSet) -> None:
        self.classes = segmenter.bundle.manifest.classes
        self.ids, self.kinds = pictures.ids, pictures.kinds
        self._pictures = pictures
        indices = tqdm(range(len(pictures)), desc="reference", unit="image")
        answer = _answer_of(segmenter)
        self._answers = [answer(pictures[index].image) for index in indices]

    def __len__(self) -> int:
        return len(self._answers)

    def __getitem__(self, index: int) -> Sample:
        sample, answer = self._pictures[index], self._answers[index]
        return Sample(sample.id, sample.image, answer.boxes, answer.class_ids, answer.masks)
