"""The foreground-restricted Rand score of boundaries, by which the ISBI 2012 contest ranked segmentations.

Arganda-Carreras et al., "Crowdsourcing the creation of image segmentation algorithms for connectomics",
Frontiers in Neuroanatomy 9:142, 2015. A missing piece of a thin membrane hardly changes the pixels that are
right, but it merges two cells: this score counts pairs of pixels, so it notices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from model.evaluation.verdicts import SWEEP
from model.results.masks import Mask

Side = Literal["boundary", "inside"]
"""What the pixels of a model's class are: the boundaries between regions, or their insides."""
SIDES: tuple[Side, ...] = ("boundary", "inside")
_CONNECTIVITY = 4
"""As in the contest: a boundary of pixels that touch at corners still divides."""
_LEVELS = 255


@dataclass(frozen=True)
class RandScore:
    """The score of one segmentation, 0 to 1.

    Attributes:
        split: of two pixels that are in one region in truth, how often they are in one region here.
        merge: of two pixels that are in one region here, how often they are in one region in truth.
    """

    split: float
    merge: float

    @property
    def score(self) -> float:
        """The harmonic mean of the two."""
        return 2 * self.split * self.merge / (self.split + self.merge) if self.split + self.merge else 0.0


def rand_score(truth: npt.NDArray[np.integer], found: npt.NDArray[np.integer]) -> RandScore | None:
    """The score of regions against the true ones; pixels of true boundaries are left out.

    As in the contest, each pixel that is a boundary only in `found` counts as a region of its own.

    Args:
        truth: (H, W), the number of each pixel's true region; 0: a boundary.
        found: (H, W), the same of the segmentation to be judged.

    Returns:
        The score; None if all pixels are true boundaries.
    """
    inside = truth > 0
    in_truth, in_found = truth[inside].astype(np.int64), found[inside].astype(np.int64)
    if not len(in_truth):
        return None
    singles = int(np.count_nonzero(in_found == 0))
    regions = in_found > 0
    # The contingency table has few cells that are not 0, but there may be a region every few pixels.
    pairs = in_truth[regions] * (int(found.max()) + 1) + in_found[regions]
    _, cells = np.unique(pairs, return_counts=True)
    both = _squares(cells) + singles
    of_truth = _squares(np.bincount(in_truth))
    of_found = _squares(np.bincount(in_found[regions], minlength=1)) + singles
    return RandScore(split=both / of_truth, merge=both / of_found)


def regions_of(inside: Mask) -> npt.NDArray[np.int32]:
    """int32 (H, W): the connected parts of a mask, uint8 (H, W), numbered from 1; 0 outside."""
    return np.asarray(cv2.connectedComponents(inside, connectivity=_CONNECTIVITY)[1])


def rand_scores(
    truth: Mask, probability: npt.NDArray[np.uint8], side: Side, thresholds: Sequence[float] = SWEEP
) -> list[RandScore] | None:
    """The score at each threshold of a class's probability.

    Args:
        truth: uint8 (H, W) of 0 and 1: the pixels that have the class.
        probability: uint8 (H, W), 0 to 255, of the class.
        side: what the class is.
        thresholds: of the probability, 0 to 1.

    Returns:
        The scores; None if all pixels are true boundaries.
    """
    true_regions = regions_of(truth if side == "inside" else 1 - truth)
    scores = []
    for threshold in thresholds:
        has = (probability >= round(threshold * _LEVELS)).astype(np.uint8)
        score = rand_score(true_regions, regions_of(has if side == "inside" else 1 - has))
        if score is None:
            return None
        scores.append(score)
    return scores


def best_of(images: Sequence[Sequence[RandScore]]) -> int:
    """The index of the threshold with the highest mean score over images; each has the same thresholds."""
    means = np.mean([[one.score for one in image] for image in images], axis=0)
    return int(means.argmax())


def _squares(counts: npt.NDArray[np.integer]) -> int:
    return int((counts.astype(np.int64) ** 2).sum())
