"""Figures of a semantic model on pictures that it does not learn from: IoU, Dice and right pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.families.semantic.training.config import Gives
from model.families.semantic.training.truth import UNKNOWN, UNKNOWN_LABEL, Truth
from model.results.segments import Segments

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PictureCounts:
    """The numbers of known pixels in one picture.

    Attributes:
        truth: int64 (K,), those that have each class, without the background.
        found: int64 (K,), those for which it was predicted.
        both: int64 (K,), those for which both is true.
        right: those whose class is right; for labels, the mean over the labels.
        known: all of them; for labels, the mean over the labels.
    """

    truth: Counts
    found: Counts
    both: Counts
    right: float
    known: float


def compare(truth: Truth, segments: Segments, labels: npt.NDArray[np.uint16], gives: Gives) -> PictureCounts:
    """Compare a picture's truth with what was found.

    Args:
        truth: as `truth_of` gives it.
        segments: one per class that was found, which may overlap if the network gives labels.
        labels: (H, W), the class ids found.
        gives: what the network gives.
    """
    if gives == "labels":
        return _compare_planes(truth, _planes_of(segments, truth.shape))
    if gives == "binary":
        return _compare_planes(truth, (labels == 1)[..., np.newaxis])
    known = truth != UNKNOWN
    there, found = truth[known].astype(np.int64), labels[known].astype(np.int64)
    classes = int(max(there.max(initial=0), found.max(initial=0))) + 1
    table = np.bincount(there * classes + found, minlength=classes**2).reshape(classes, classes)
    right = float(np.trace(table))
    return PictureCounts(table.sum(1)[1:], table.sum(0)[1:], np.diag(table)[1:], right, float(known.sum()))


def figures_of(pictures: Sequence[PictureCounts], names: Sequence[str]) -> dict[str, float]:
    """The figures of all pictures together, by name.

    "val_IoU" and "val_Dice" are over all pixels, averaged over the classes that occur or were found;
    "val_image_IoU" is averaged over the pictures in which a class does, then over the classes; "val_IoU_NAME"
    is of one class, if there are several. All lie between 0 and 1.
    """
    truth, found, both = (
        np.stack([_padded(getattr(one, name), len(names)) for one in pictures])
        for name in ("truth", "found", "both")
    )
    figures = {"val_pixel_accuracy": sum(one.right for one in pictures) / sum(one.known for one in pictures)}
    ious, dices, means = [], [], []
    for index, name in enumerate(names):
        union = truth[:, index] + found[:, index] - both[:, index]
        there = union > 0
        if not there.any():
            continue
        iou = float(both[:, index].sum() / union.sum())
        ious.append(iou)
        dices.append(2 * iou / (1 + iou))
        means.append(float((both[there, index] / union[there]).mean()))
        if len(names) > 1:
            figures[f"val_IoU_{name}"] = iou
    if ious:
        figures |= {
            "val_IoU": float(np.mean(ious)),
            "val_Dice": float(np.mean(dices)),
            "val_image_IoU": float(np.mean(means)),
        }
    return figures


def _compare_planes(truth: Truth, found: npt.NDArray[np.bool_]) -> PictureCounts:
    """Both (H, W, K)."""
    known = truth != UNKNOWN_LABEL
    there, found = (truth == 1) & known, found & known
    labels = truth.shape[2]
    right = np.count_nonzero((there == found) & known) / labels
    truths, founds, boths = (
        plane.sum(axis=(0, 1), dtype=np.int64) for plane in (there, found, there & found)
    )
    return PictureCounts(truths, founds, boths, right, np.count_nonzero(known) / labels)


def _planes_of(segments: Segments, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    planes = np.zeros(shape, np.bool_)
    for class_id, (x1, y1, x2, y2), mask in zip(
        segments.class_ids, segments.boxes, segments.masks, strict=True
    ):
        planes[y1:y2, x1:x2, class_id - 1] |= mask > 0
    return planes


def _padded(counts: Counts, length: int) -> Counts:
    return np.pad(counts, (0, length - len(counts)))
