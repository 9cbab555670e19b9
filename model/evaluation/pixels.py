"""Evaluates a model's classes of pixels, and their probabilities if it gives them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from model.data import DataSet, Sample
from model.evaluation.evaluate import check_size
from model.evaluation.levels import Levels, Planes
from model.evaluation.pixel_result import PixelCounts, PixelEvaluation
from model.evaluation.rand_score import Side, rand_scores
from model.results.masks import Mask
from model.results.segments import Segments


@dataclass(frozen=True)
class PixelAnswer:
    """A model's answer about one image.

    Attributes:
        segments: with the image's size and class ids of the data.
        planes: class name → its probabilities, for figures by threshold; the same classes for each image.
    """

    segments: Segments
    planes: Mapping[str, Planes] = field(default_factory=dict)


Predict = Callable[[npt.NDArray[np.uint8]], PixelAnswer]


def evaluate_pixels(
    predict: Predict,
    data: DataSet,
    *,
    threshold: float = 0.0,
    rand: Side | None = None,
    progress: bool = True,
) -> PixelEvaluation:
    """Runs `predict` on each image of `data` and compares the pixels of each class.

    The pixels of all objects of a class, crowds included, have that class. Unknown pixels count neither as
    found nor as missed.

    Args:
        predict: uint8 (H, W, 3) RGB → the model's answer; called once for each image.
        data: the images and their true objects.
        threshold: at which `predict` answers, for the report.
        rand: what the only class with probabilities is, for the Rand score at each threshold; None: no Rand
            score.
        progress: show a progress bar.

    Raises:
        ValueError: `data` is empty, `predict` returned segments for another size, or a Rand score is wanted
            of no class or of several.
        DataError: a sample cannot be read.
    """
    if len(data) == 0:
        raise ValueError("there are no images to evaluate on")
    images = []
    levels: dict[str, Levels] = defaultdict(Levels.none)
    for index in tqdm(range(len(data)), desc="evaluate", unit="image", disable=not progress):
        sample = data[index]
        truth = _Truth(sample, len(data.classes))
        answer = predict(sample.image)
        if rand and len(answer.planes) != 1:
            raise ValueError(f"a Rand score is of one class, but {len(answer.planes)} have probabilities")
        counts = _compare(truth, answer.segments)
        for name, (where, probability) in answer.planes.items():
            there = truth.planes[data.classes.index(name) - 1]
            levels[name] += Levels.of(there, where, probability, truth.known)
            if rand:
                counts = replace(counts, rand=rand_scores(there, probability, rand))
        images.append(counts)
    occurring = {name: one for name, one in levels.items() if one.true.any()}
    return PixelEvaluation(data.classes[1:], images, threshold, occurring)


class _Truth:
    """The true classes of a sample's pixels.

    Attributes:
        sample: the sample.
        planes: uint8 (H, W) of 0 and 1 for each class but the background: its pixels.
        known: uint8 (H, W) of 0 and 1: the pixels that count; None: all.
    """

    def __init__(self, sample: Sample, classes: int) -> None:
        self.sample = sample
        objects = [
            *zip(sample.class_ids, sample.boxes, sample.masks, strict=True),
            *zip(sample.crowd_class_ids, sample.crowd_boxes, sample.crowd_masks, strict=True),
        ]
        shape = sample.image.shape[0], sample.image.shape[1]
        self.planes = [_union(class_id, objects, shape) for class_id in range(1, classes)]
        self.known = None if sample.unknown is None else 1 - sample.unknown


def _compare(there: _Truth, segments: Segments) -> PixelCounts:
    sample = there.sample
    check_size(sample, segments)
    answered = list(zip(segments.class_ids, segments.boxes, segments.masks, strict=True))
    shape = sample.image.shape[0], sample.image.shape[1]
    counts = np.zeros((3, len(there.planes)), np.int64)
    wrong = np.zeros(shape, np.uint8)
    for index, truth in enumerate(there.planes):
        found = _union(index + 1, answered, shape)
        if there.known is not None:
            truth, found = truth & there.known, found & there.known
        counts[:, index] = [np.count_nonzero(plane) for plane in (truth, found, truth & found)]
        wrong |= truth ^ found
    pixels = wrong.size if there.known is None else int(np.count_nonzero(there.known))
    missed = int(np.count_nonzero(wrong))
    return PixelCounts(sample.id, sample.kind, counts[0], counts[1], counts[2], pixels, missed)


def _union(
    class_id: int,
    objects: Sequence[tuple[np.int32, npt.NDArray[np.int32], Mask]],
    shape: tuple[int, int],
) -> Mask:
    """uint8 (H, W) of 0 and 1: the pixels of all objects of a class."""
    plane = np.zeros(shape, np.uint8)
    for has, (x1, y1, x2, y2), mask in objects:
        if has == class_id:
            plane[y1:y2, x1:x2] |= mask
    return plane
