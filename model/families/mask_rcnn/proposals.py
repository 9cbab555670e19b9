"""Proposals: the RPN's outputs for all anchors → the few RoIs that the heads process."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from model.families.mask_rcnn.boxes import Floats, apply_deltas, clip, non_maximum_suppression
from model.families.mask_rcnn.config import Config

WHOLE_PICTURE = np.array([0, 0, 1, 1], np.float32)


class Proposing(NamedTuple):
    """How the proposals of one picture came about.

    Attributes:
        anchors: float32 (N, 4), normalised y1 x1 y2 x2: those with the best scores, best first.
        moved: the same by their deltas.
        clipped: the same, cut to the picture.
        kept: int64 (R,): which of these are the proposals.
    """

    anchors: Floats
    moved: Floats
    clipped: Floats
    kept: npt.NDArray[np.int64]


def propose(
    objectness: Floats,
    deltas: Floats,
    anchors: Floats,
    config: Config,
    limit: int,
    level_sizes: Sequence[int] | None = None,
    least_confidence: float = 0.0,
) -> Floats:
    """float32 (R, 4), R ≤ limit: normalised y1 x1 y2 x2 of one picture's proposals, best first.

    Args:
        objectness: (A,) logits.
        deltas: (A, 4) in units of `rpn_bbox_std_dev`.
        anchors: (A, 4) normalised y1 x1 y2 x2.
        config: gives the standard deviations, the limits before NMS and its threshold.
        limit: the most proposals to return.
        level_sizes: the number of anchors on each level, finest first (`anchors.level_sizes`); None: treat
            all anchors as one level.
        least_confidence: the least objectness as a probability, 0 to 1.

    Does what Matterport's `ProposalLayer` does, without its padding with zeros.
    """
    steps = proposing(objectness, deltas, anchors, config, limit, level_sizes, least_confidence)
    return steps.clipped[steps.kept]


def proposing(
    objectness: Floats,
    deltas: Floats,
    anchors: Floats,
    config: Config,
    limit: int,
    level_sizes: Sequence[int] | None = None,
    least_confidence: float = 0.0,
) -> Proposing:
    """As `propose`, with every step on the way to the proposals."""
    candidates = _best_of_levels(objectness, level_sizes, config.pre_nms_limit_per_level)
    candidates = candidates[_sigmoid(objectness[candidates]) >= least_confidence]
    best = candidates[_best_first(objectness[candidates], config.pre_nms_limit)]
    moved = apply_deltas(anchors[best], deltas[best] * np.array(config.rpn_bbox_std_dev, np.float32))
    clipped = clip(moved, WHOLE_PICTURE)
    kept = non_maximum_suppression(clipped, config.rpn_nms_threshold, limit)
    return Proposing(anchors[best], moved, clipped, kept)


def _best_of_levels(
    objectness: Floats, level_sizes: Sequence[int] | None, limit: int | None
) -> npt.NDArray[np.int64]:
    if limit is None or level_sizes is None:
        return np.arange(len(objectness))
    ends = np.cumsum(level_sizes)
    levels = np.split(objectness, ends[:-1])
    return np.concatenate(
        [end - len(level) + _best_first(level, limit) for end, level in zip(ends, levels, strict=True)]
    )


def _best_first(scores: Floats, limit: int) -> np.ndarray:
    """Indices of the `limit` highest scores, ties by position; sorts only the scores that it returns."""
    if len(scores) > limit:
        candidates = np.sort(np.argpartition(-scores, limit - 1)[:limit])
    else:
        candidates = np.arange(len(scores))
    return candidates[np.argsort(-scores[candidates], kind="stable")]


def _sigmoid(logits: Floats) -> npt.NDArray[np.floating]:
    return 1 / (1 + np.exp(-np.clip(logits, -80, 80)))  # beyond this range, exp overflows float32
