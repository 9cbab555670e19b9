"""Evaluates a model's objects on a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask
from tqdm import tqdm

from model.data import DataSet, Sample
from model.evaluation.coco_map import CocoScorer
from model.evaluation.matching import match
from model.evaluation.result import Evaluation, ImageResult
from model.evaluation.verdicts import Verdicts
from model.results.masks import Mask, RunLengths, to_rle
from model.results.segments import Segments

Predict = Callable[[npt.NDArray[np.uint8]], Segments]


def evaluate(
    predict: Predict,
    data: DataSet,
    *,
    threshold: float = 0.0,
    lowest: float = 0.0,
    iou_thresholds: Sequence[float] = (0.5, 0.75),
    progress: bool = True,
) -> Evaluation:
    """Runs `predict` once on each image of `data` and compares the predictions with the true objects.

    Args:
        predict: uint8 (H, W, 3) RGB → Segments of that size, with class ids of `data`. COCO's figures need
            predictions with low scores, too.
        data: the images and their true objects.
        threshold: the lowest score of predictions for the figures at a single threshold, such as AP, which
            should include only what a model would answer.
        lowest: the lowest score that `predict` returns.
        iou_thresholds: mask IoUs, 0 to 1, from which an object counts as found; the first one ranks the
            images in `worst_sheet`.
        progress: show a progress bar.

    Raises:
        ValueError: `data` is empty, or `predict` returned segments for another size.
        DataError: a sample cannot be read.
    """
    if len(data) == 0:
        raise ValueError("there are no images to evaluate on")
    scorer = CocoScorer(data.classes)
    images, unsure = [], []
    for index in tqdm(range(len(data)), desc="evaluate", unit="image", disable=not progress):
        sample = data[index]
        segments = predict(sample.image)
        check_size(sample, segments)
        verdicts = _compare(sample, segments, iou_thresholds, scorer)
        counted = int(np.count_nonzero(segments.scores >= np.float32(threshold)))
        sure = segments.select(np.arange(counted))
        images.append(ImageResult(sample.id, sample.kind, sure, verdicts.at(threshold)))
        unsure.append(verdicts)
    return Evaluation(data.classes, tuple(iou_thresholds), threshold, lowest, images, unsure, scorer)


def check_size(sample: Sample, segments: Segments) -> None:
    """Raise ValueError unless the segments have the size of the sample's picture."""
    height, width = sample.image.shape[:2]
    if segments.size != (width, height):
        raise ValueError(
            f"image {sample.id} has {(width, height)} pixels, but its segments are for {segments.size}"
        )


def _compare(
    sample: Sample, segments: Segments, iou_thresholds: Sequence[float], scorer: CocoScorer
) -> Verdicts:
    """Matches objects and predictions at each IoU threshold, and adds them to COCO's `scorer`."""
    truth_rles = _run_lengths(sample.boxes, sample.masks, segments.size)
    crowd_rles = _run_lengths(sample.crowd_boxes, sample.crowd_masks, segments.size)
    rles = _run_lengths(segments.boxes, segments.masks, segments.size)
    scorer.add_image(segments.size)
    scorer.add_truth(truth_rles, sample.class_ids, iscrowd=0)
    scorer.add_truth(crowd_rles, sample.crowd_class_ids, iscrowd=1)
    scorer.add_predictions(rles, segments.class_ids, segments.scores)
    ious = _overlaps(rles, segments.class_ids, truth_rles, sample.class_ids, iscrowd=0)
    crowd_coverage = _overlaps(rles, segments.class_ids, crowd_rles, sample.crowd_class_ids, iscrowd=1)
    matches = np.stack([match(ious, crowd_coverage, threshold) for threshold in iou_thresholds])
    return Verdicts(sample.class_ids, segments.class_ids, segments.scores, matches)


def _run_lengths(
    boxes_xyxy: npt.NDArray[np.int32], masks: Sequence[Mask], size: tuple[int, int]
) -> list[RunLengths]:
    return [to_rle(mask, box, size) for mask, box in zip(masks, boxes_xyxy, strict=True)]


def _overlaps(
    rles: Sequence[RunLengths],
    class_ids: npt.NDArray[np.int32],
    truth_rles: Sequence[RunLengths],
    truth_class_ids: npt.NDArray[np.int32],
    iscrowd: int,
) -> npt.NDArray[np.float64]:
    """(P, N) mask IoU, or the share of a prediction that a crowd covers; 0 between different classes."""
    if not rles or not truth_rles:
        return np.zeros((len(rles), len(truth_rles)))
    overlaps = coco_mask.iou(rles, truth_rles, [iscrowd] * len(truth_rles))
    return np.where(class_ids[:, None] == truth_class_ids[None, :], overlaps, 0.0)
