"""Verdicts: the match of each prediction, from which the figures for a threshold or a class are computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.evaluation.matching import FALSE

SWEEP = tuple(percent / 100 for percent in range(5, 100, 5))
"""The score thresholds at which a model is evaluated."""

Row = dict[str, float | None]


@dataclass(frozen=True)
class Verdicts:
    """The verdicts on one image, without masks, which would take too much memory for many images.

    Attributes:
        truth_class_ids: int32 (N,), classes of the objects in the image, without crowds.
        class_ids: int32 (P,), classes of all predictions, also those with low scores.
        scores: float32 (P,), highest first.
        matches: int32 (T, P), for each IoU threshold and prediction the index of the object found,
            `matching.FALSE` or `matching.IGNORED`. A match does not depend on predictions with lower scores,
            so the verdicts at a higher score threshold are the first ones of these.
    """

    truth_class_ids: npt.NDArray[np.int32]
    class_ids: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]
    matches: npt.NDArray[np.int32]

    def at(self, threshold: float) -> Verdicts:
        """The verdicts on the predictions with a score of at least `threshold`."""
        return self._of(self.scores >= np.float32(threshold), np.ones(len(self.truth_class_ids), bool))

    def of_class(self, class_id: int) -> Verdicts:
        """The verdicts on the predictions and objects of one class."""
        return self._of(self.class_ids == class_id, self.truth_class_ids == class_id)

    def _of(self, predictions: npt.NDArray[np.bool_], objects: npt.NDArray[np.bool_]) -> Verdicts:
        return Verdicts(
            self.truth_class_ids[objects],
            self.class_ids[predictions],
            self.scores[predictions],
            self.matches[:, predictions],
        )


def counts(images: Sequence[Verdicts], iou_thresholds: Sequence[float]) -> Row:
    """Numbers of true, predicted and found objects, the last for each IoU threshold; precision and recall.

    At the first IoU threshold, precision is the share of the predictions that found an object, recall the
    share of the objects that were found, and F1 their harmonic mean; None if there are no predictions or
    objects.
    """
    percents = [round(100 * threshold) for threshold in iou_thresholds]
    matches = np.concatenate([image.matches for image in images], axis=1)
    matched = np.count_nonzero(matches >= 0, axis=1).tolist()
    truth = sum(len(image.truth_class_ids) for image in images)
    false = int(np.count_nonzero(matches[0] == FALSE))
    return {
        "truth": truth,
        "found": matches.shape[1],
        **{f"matched{percent}": count for percent, count in zip(percents, matched, strict=True)},
        "precision": _share(matched[0], matched[0] + false),
        "recall": _share(matched[0], truth),
        "F1": _share(2 * matched[0], matched[0] + false + truth),
    }


def average_precision(image: Verdicts) -> list[float]:
    """TP / (TP + FP + FN), for each IoU threshold; 1 if there is neither an object nor a prediction.

    The "average precision" of the Data Science Bowl and of StarDist, at one score threshold. It differs from
    COCO's AP, the area under the curve over all scores.
    """
    matched = np.count_nonzero(image.matches >= 0, axis=1).tolist()
    false = np.count_nonzero(image.matches == FALSE, axis=1)
    counted = len(image.truth_class_ids) + false  # TP + FN is the truth
    return [hits / total if total else 1.0 for hits, total in zip(matched, counted, strict=True)]


def sweep(
    images: Sequence[Verdicts], iou_thresholds: Sequence[float], thresholds: Sequence[float]
) -> list[Row]:
    """For each score threshold, `counts` and the mean AP of the images at the first IoU threshold."""
    ap_name = f"AP{round(100 * iou_thresholds[0])}"
    rows: list[Row] = []
    for threshold in thresholds:
        cut = [image.at(threshold) for image in images]
        mean_ap = float(np.mean([average_precision(image)[0] for image in cut]))
        rows.append({"threshold": threshold, **counts(cut, iou_thresholds), ap_name: mean_ap})
    return rows


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
