"""Truth: the class, or the labels, of each pixel of a sample, made from its objects."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data.formats.class_maps import ClassMapFolder
from model.data.sample import DataSet, Sample
from model.data.subset import evenly_spaced
from model.families.semantic.training.config import Gives
from model.results.masks import Mask

Truth = npt.NDArray[Any]

UNKNOWN = 65_535
"""In a class map, a pixel without a known class. Not a class: label files have at most 65,534."""
UNKNOWN_LABEL = 255
"""The same in a plane of a label."""
IGNORED = -1
"""The same in a batch, whose truth is int32."""
SAMPLES_LOOKED_AT = 100
MOST_OVERLAP = 0.01
"""The largest share of labelled pixels with two classes that may come from careless outlines."""


def truth_of(sample: Sample, gives: Gives, classes: int) -> Truth:
    """The truth of a sample as training uses it.

    Args:
        sample: with H × W pixels.
        gives: what the network gives.
        classes: their number, including the background.

    Returns:
        For "classes", uint16 (H, W) of class ids and UNKNOWN: where objects overlap, the smallest one counts.
        Else uint8 (H, W, classes - 1) of 0, 1 and UNKNOWN_LABEL.
    """
    return _class_map(sample) if gives == "classes" else _planes(sample, classes)


def gives_of(data: DataSet) -> Gives:
    """What a network for `data` should give: "labels" if objects of different classes overlap."""
    if len(data.classes) == 2:
        return "binary"
    if isinstance(data, ClassMapFolder):
        return "classes"
    labelled, twice = 0, 0
    few = evenly_spaced(data, SAMPLES_LOOKED_AT)
    for index in range(len(few)):
        counts = (_planes(few[index], len(data.classes)) == 1).sum(axis=2)
        labelled += int(np.count_nonzero(counts))
        twice += int(np.count_nonzero(counts > 1))
    return "labels" if twice > MOST_OVERLAP * labelled else "classes"


def pixels_of_classes(data: DataSet, gives: Gives) -> npt.NDArray[np.int64]:
    """The pixels of each class id, in at most 100 samples, evenly spaced.

    Returns:
        int64 (classes,), from the background on; for labels, that is what has none.
    """
    counts = np.zeros(len(data.classes), np.int64)
    few = evenly_spaced(data, SAMPLES_LOOKED_AT)
    for index in range(len(few)):
        truth = truth_of(few[index], gives, len(data.classes))
        if gives == "classes":
            counts += np.bincount(truth[truth != UNKNOWN], minlength=len(counts))
        else:
            counts[0] += np.count_nonzero((truth == 0).all(axis=2))
            counts[1:] += (truth == 1).sum(axis=(0, 1))
    return counts


def _class_map(sample: Sample) -> Truth:
    class_map = np.zeros(sample.image.shape[:2], np.uint16)
    objects = sorted(_objects(sample), key=lambda one: -np.count_nonzero(one[2]))
    for class_id, (x1, y1, x2, y2), mask in objects:
        class_map[y1:y2, x1:x2][mask > 0] = class_id
    if sample.unknown is not None:
        class_map[sample.unknown > 0] = UNKNOWN
    return class_map


def _planes(sample: Sample, classes: int) -> Truth:
    planes = np.zeros((*sample.image.shape[:2], classes - 1), np.uint8)
    for class_id, (x1, y1, x2, y2), mask in _objects(sample):
        planes[y1:y2, x1:x2, class_id - 1] |= mask
    if sample.unknown is not None:
        planes[sample.unknown > 0] = UNKNOWN_LABEL
    return planes


def _objects(sample: Sample) -> Iterator[tuple[int, tuple[int, ...], Mask]]:
    """Each object and each crowd: class id, box and mask; as evaluation, which counts crowds as the class."""
    of_all = (
        (sample.class_ids, sample.boxes, sample.masks),
        (sample.crowd_class_ids, sample.crowd_boxes, sample.crowd_masks),
    )
    for class_ids, boxes, masks in of_all:
        for class_id, box, mask in zip(class_ids, boxes, masks, strict=True):
            yield int(class_id), tuple(map(int, box)), mask
