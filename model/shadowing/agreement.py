"""Agreement: how far two versions of a model agree about a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from model.evaluation.matching import match
from model.results.masks import to_rle
from model.results.result import ClassMap, Result
from model.results.segments import Segments

IOU_THRESHOLD = 0.5
"""The lowest IoU with which two objects are the same."""
MOST_PAIRS = 4_000_000
"""The most pairs of objects that are compared, for which their IoU take 32 MB."""


class TooManyObjects(ValueError):
    """There are more than MOST_PAIRS pairs of objects."""


@dataclass(frozen=True)
class Agreement:
    """How far a second result agrees with the first.

    Attributes:
        count, shadow_count: the numbers of segments of the first and of the second.
        matched: for models that find objects, the share of all objects of both results that have a
            counterpart of the same class with an IoU of at least 0.5 in the other, 0 to 1; 1 if there are no
            objects. None for semantic models.
        dice: for semantic models, the mean Dice coefficient of the classes that occur, 0 to 1; 1 if no class
            does. None for others.
        score_difference: the mean of the second score minus the first, -1 to 1, over counterparts (for
            semantic models: over the classes that both found); None if there are none.
    """

    count: int
    shadow_count: int
    matched: float | None
    dice: float | None
    score_difference: float | None


def agreement(
    first: Result, second: Result, first_classes: Sequence[str], second_classes: Sequence[str]
) -> Agreement:
    """Return how far two results for the same picture agree.

    Args:
        first: what was answered.
        second: what the other version found.
        first_classes, second_classes: their class names by class id; classes are the same if their names are.

    Raises:
        TooManyObjects: they have too many objects.
    """
    ids = _ids_of(second_classes, first_classes)
    counts = len(first.segments), len(second.segments)
    if first.class_map is not None and second.class_map is not None:
        return Agreement(
            *counts,
            matched=None,
            dice=_dice(first.class_map.labels, ids[second.class_map.labels]),
            score_difference=_mean_difference(first.class_map, second.class_map, ids),
        )
    matches = _matches(first.segments, second.segments, ids)
    found = matches >= 0
    differences = second.segments.scores[found] - first.segments.scores[matches[found]]
    return Agreement(
        *counts,
        matched=2 * int(found.sum()) / sum(counts) if any(counts) else 1.0,
        dice=None,
        score_difference=float(differences.mean()) if found.any() else None,
    )


def _ids_of(names: Sequence[str], known: Sequence[str]) -> npt.NDArray[np.int32]:
    """Return int32 (len(names),), the id in `known` of each class; ids of their own for unknown ones."""
    place = {name: index for index, name in enumerate(known)}
    ids = [place.get(name, len(known) + index) for index, name in enumerate(names)]
    return np.array([0, *ids[1:]], np.int32)  # the background may have any name


def _matches(first: Segments, second: Segments, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return int32 (len(second),): the index of each one's counterpart in `first`, negative without one."""
    if len(first) * len(second) > MOST_PAIRS:
        raise TooManyObjects(f"{len(first)} and {len(second)} objects are too many to compare")
    ious = np.zeros((len(second), len(first)))
    if ious.size:
        rles = [
            [to_rle(mask, box, one.size) for mask, box in zip(one.masks, one.boxes, strict=True)]
            for one in (second, first)
        ]
        is_same = ids[second.class_ids][:, None] == first.class_ids[None, :]
        ious = np.where(is_same, coco_mask.iou(*rles, [0] * len(first)), 0.0)
    return match(ious, np.zeros((len(second), 0)), IOU_THRESHOLD)


def _dice(first: npt.NDArray[np.uint16], second: npt.NDArray[np.int32]) -> float:
    """Return the mean Dice coefficient of the classes in two label maps (H, W), apart from background 0."""
    classes = max(int(first.max(initial=0)), int(second.max(initial=0))) + 1
    sizes = np.bincount(first.ravel(), minlength=classes) + np.bincount(second.ravel(), minlength=classes)
    common = np.bincount(first[first == second], minlength=classes)
    occurs = np.flatnonzero(sizes[1:]) + 1
    return float((2 * common[occurs] / sizes[occurs]).mean()) if len(occurs) else 1.0


def _mean_difference(first: ClassMap, second: ClassMap, ids: npt.NDArray[np.int32]) -> float | None:
    known = first.mean_probabilities
    differences = [
        probability - known[int(ids[class_id])]
        for class_id, probability in second.mean_probabilities.items()
        if int(ids[class_id]) in known
    ]
    return float(np.mean(differences)) if differences else None
