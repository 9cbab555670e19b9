"""Matching of predictions to objects, at one IoU threshold."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FALSE = -1  # found nothing
IGNORED = -2  # is in a crowd: neither right nor wrong


def match(
    ious: npt.NDArray[np.float64], crowd_coverage: npt.NDArray[np.float64], iou_threshold: float
) -> npt.NDArray[np.int32]:
    """Matches each prediction, best score first, to the unmatched object with the highest IoU.

    This is COCO's rule. If objects do not overlap and the threshold is 0.5 or more, no prediction reaches it
    with two of them, and an optimal assignment would match the same number.

    Args:
        ious: (P, N), prediction by object, predictions in descending order of score; 0 if the classes differ.
        crowd_coverage: (P, M), the share of each prediction that is in each crowd of its class.
        iou_threshold: the lowest IoU, and the lowest coverage, for a match.

    Returns:
        int32 (P,): the index of the object found, FALSE or IGNORED.
    """
    in_crowd = (crowd_coverage >= iou_threshold).any(axis=1)
    matches = np.where(in_crowd, IGNORED, FALSE).astype(np.int32)
    free = np.ones(ious.shape[1], bool)
    for prediction, candidates in enumerate(ious):
        candidates = np.where(free, candidates, 0.0)
        if candidates.max(initial=0.0) < iou_threshold:
            continue
        matches[prediction] = found = int(candidates.argmax())
        free[found] = False
    return matches
