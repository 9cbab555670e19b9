"""Gauge: measures the accuracy that an engine and precision lose against the reference of a model."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from model.data import DataSet, Sample, Subset
from model.engines.pacing import in_time
from model.engines.stages import Runner
from model.evaluation.evaluate import evaluate
from model.evaluation.pixel_result import PixelCounts, PixelEvaluation
from model.evaluation.pixels import PixelAnswer, evaluate_pixels
from model.evaluation.result import ImageResult
from model.results.result import MOST_SEGMENTS
from model.results.segments import Segments
from model.segmenter import Segmenter
from model.storage.manifest import Export

Answer = Callable[[npt.NDArray[np.uint8]], Segments]
"""A function from an image, uint8 (H, W, 3), RGB, to the segments found in it."""

LARGEST_LOSS = {"f32": 0.002, "bf16": 0.002, "int8": 0.005}
"""The largest loss of AP50 or mean IoU against labels, on a scale of 0 to 1. A precision that loses more is
used only if it is requested."""
LARGEST_DISAGREEMENT = {"f32": 0.01, "bf16": 0.03, "int8": 0.05}
"""The same without labels, when the answers of the reference are the ground truth."""


class Gauge:
    """Measures the loss of a runner against the reference.

    Attributes:
        measure: "ap50" for models that find objects, "miou" (mean IoU of the classes) for models that
            classify pixels.
        labelled: whether there are labels to measure against; otherwise the ground truth is the answers of
            the reference.
    """

    def __init__(self, reference: Segmenter, pictures: DataSet, seconds: float = math.inf) -> None:
        """Measure the reference.

        Args:
            reference: the model, run by the reference engine.
            pictures: the pictures to measure with, with or without labels.
            seconds: the time limit for the reference. Pictures that it has not answered by then are not used;
                it always answers for a few.
        """
        self.bundle = reference.bundle
        self.measure: Literal["ap50", "miou"] = (
            "miou" if reference.bundle.manifest.task == "semantic" else "ap50"
        )
        self.labelled = any(len(pictures[index]) for index in range(len(pictures)))
        answer = _answer_of(reference)
        bar = tqdm(in_time(len(pictures), seconds), desc="reference", unit="image", total=len(pictures))
        if self.labelled:
            seen = {index: self._seen_in(pictures, index, answer) for index in bar}
            self.pictures: DataSet = Subset(pictures, sorted(seen))
            self.best = self._quality(list(seen.values()))
        else:
            answers = {index: answer(pictures[index].image) for index in bar}
            self.pictures = Answered(pictures, answers, reference.bundle.manifest.classes)
            self.best = 1.0
        if len(self.pictures) < len(pictures):
            tqdm.write(
                f"measuring with {len(self.pictures)} of {len(pictures)} pictures, as many as the time limit "
                "allows; raise --minutes to use more",
                file=sys.stderr,
            )

    def lost(self, runner: Runner, *, progress: bool = False) -> float:
        """Return the loss, on a scale of 0 to 1, at the model's own threshold; below 0: a gain."""
        answer, indices = _answer_of(Segmenter(self.bundle, runner)), range(len(self.pictures))
        bar = tqdm(indices, desc="evaluate", unit="image", disable=not progress)
        return self.best - self._quality([self._seen_in(self.pictures, index, answer) for index in bar])

    def largest_loss(self, precision: str) -> float:
        return (LARGEST_LOSS if self.labelled else LARGEST_DISAGREEMENT)[precision]

    def export_of(self, runner: Runner) -> Export:
        """Measure a runner, and return the entry for the manifest."""
        lost = self.lost(runner, progress=True)
        rounded = round(lost, 4)
        return Export(
            passed=lost <= self.largest_loss(runner.precision),
            pictures=len(self.pictures),
            against="labels" if self.labelled else "reference",
            ap50_lost=rounded if self.measure == "ap50" else None,
            miou_lost=rounded if self.measure == "miou" else None,
        )

    def _seen_in(self, pictures: DataSet, index: int, answer: Answer) -> ImageResult | PixelCounts:
        """Evaluate the answer for one picture."""
        one = Subset(pictures, [index])
        if self.measure == "miou":
            return evaluate_pixels(lambda image: PixelAnswer(answer(image)), one, progress=False).images[0]
        return evaluate(answer, one, iou_thresholds=(0.5,), progress=False).images[0]

    def _quality(self, seen: Sequence[ImageResult | PixelCounts]) -> float:
        """Return the measure over all pictures, on a scale of 0 to 1."""
        pixels = [image for image in seen if isinstance(image, PixelCounts)]
        if not pixels:
            objects = [image for image in seen if isinstance(image, ImageResult)]
            return float(np.mean([image.average_precision[0] for image in objects]))
        mean_iou = PixelEvaluation(self.pictures.classes[1:], pixels).mean_iou
        # None: no class is present and none is found, so nothing is wrong.
        return 1.0 if mean_iou is None else mean_iou


def _answer_of(segmenter: Segmenter) -> Answer:
    """Return the function that runs a model, without a limit that drops classes of a semantic model."""
    if segmenter.bundle.manifest.task == "semantic":
        return partial(segmenter.segment, max_segments=MOST_SEGMENTS)
    return segmenter.segment


class Answered:
    """Pictures with the answers of a model as ground truth."""

    def __init__(self, pictures: DataSet, answers: Mapping[int, Segments], classes: list[str]) -> None:
        """Keep the pictures whose index has an answer; `classes` are the classes of the model."""
        self._indices = sorted(answers)
        self._pictures = Subset(pictures, self._indices)
        self._answers = answers
        self.classes, self.ids, self.kinds = classes, self._pictures.ids, self._pictures.kinds

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Sample:
        sample, answer = self._pictures[index], self._answers[self._indices[index]]
        return Sample(sample.id, sample.image, answer.boxes, answer.class_ids, answer.masks)
