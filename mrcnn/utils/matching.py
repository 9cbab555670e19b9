"""Matching of detections with true objects, and average precision as the library computes it.

It differs from COCO's, which `python -m model evaluate` gives: one image at a time, all classes together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mrcnn.utils.boxes import compute_overlaps

Floats = npt.NDArray[np.float64]


def trim_zeros(x: npt.NDArray) -> npt.NDArray:
    """The rows of (N, M) that are not all zeros: those without padding."""
    if x.ndim != 2:
        raise ValueError(f"trim_zeros takes an array of two dimensions, not of shape {x.shape}")
    return x[(x != 0).any(axis=1)]


def compute_overlaps_masks(masks1: npt.NDArray, masks2: npt.NDArray) -> npt.NDArray[np.float32]:
    """float32 (N, M): IoU of every pair of masks of (H, W, N) and (H, W, M); 0 for two empty masks."""
    if not masks1.size or not masks2.size:
        return np.zeros((masks1.shape[-1], masks2.shape[-1]), np.float32)
    flat1, flat2 = (
        (masks > 0.5).reshape(-1, masks.shape[-1]).astype(np.float32) for masks in (masks1, masks2)
    )
    intersection = flat1.T @ flat2
    union = flat1.sum(axis=0)[:, None] + flat2.sum(axis=0) - intersection
    return intersection / np.maximum(union, 1)


def compute_matches(
    gt_boxes: npt.NDArray,
    gt_class_ids: npt.NDArray,
    gt_masks: npt.NDArray,
    pred_boxes: npt.NDArray,
    pred_class_ids: npt.NDArray,
    pred_scores: npt.NDArray,
    pred_masks: npt.NDArray,
    iou_threshold: float = 0.5,
    score_threshold: float = 0.0,
) -> tuple[Floats, Floats, npt.NDArray[np.float32]]:
    """Give each detection, best score first, the free true object of its class that it overlaps most.

    Args:
        gt_boxes: (N, 4), with or without rows of zeros as padding at the end.
        gt_class_ids: (N,).
        gt_masks: (H, W, N).
        pred_boxes: (M, 4), like those of `gt_boxes`.
        pred_class_ids: (M,).
        pred_scores: (M,).
        pred_masks: (H, W, M).
        iou_threshold: lowest IoU of masks that makes a match, 0 to 1.
        score_threshold: overlaps (not scores, despite its name) below it are not looked at.

    Returns:
        float64 (N,): for each true object the index of its detection, or -1. float64 (M,): for each detection
        the index of its object, or -1. float32 (M, N): the IoU of masks. Detections are sorted by score.
    """
    gt_boxes, pred_boxes = trim_zeros(gt_boxes), trim_zeros(pred_boxes)
    gt_masks = gt_masks[..., : len(gt_boxes)]
    best_first = np.argsort(pred_scores[: len(pred_boxes)])[::-1]
    overlaps = compute_overlaps_masks(pred_masks[..., best_first], gt_masks)

    gt_match, pred_match = np.full(len(gt_boxes), -1.0), np.full(len(pred_boxes), -1.0)
    same_class = pred_class_ids[best_first][:, None] == gt_class_ids[: len(gt_boxes)]
    enough = overlaps >= max(iou_threshold, score_threshold)
    for detection, objects in enumerate(np.argsort(overlaps, axis=1)[:, ::-1]):
        fits = (enough & same_class)[detection, objects] & (gt_match[objects] == -1)
        if fits.any():
            best = objects[fits.argmax()]
            gt_match[best], pred_match[detection] = detection, best
    return gt_match, pred_match, overlaps


def compute_ap(
    gt_boxes: npt.NDArray,
    gt_class_ids: npt.NDArray,
    gt_masks: npt.NDArray,
    pred_boxes: npt.NDArray,
    pred_class_ids: npt.NDArray,
    pred_scores: npt.NDArray,
    pred_masks: npt.NDArray,
    iou_threshold: float = 0.5,
) -> tuple[float, Floats, Floats, npt.NDArray[np.float32]]:
    """Average precision of one image, the area below its precision-recall curve (PASCAL VOC 2010).

    Returns:
        The average precision, 0 to 1 (nan if the image has no true objects); float64 (M + 2,): precisions,
        and float64 (M + 2,): recalls, with a start and an end added; and the IoU of `compute_matches`.
    """
    gt_match, pred_match, overlaps = compute_matches(
        *(gt_boxes, gt_class_ids, gt_masks),
        *(pred_boxes, pred_class_ids, pred_scores, pred_masks),
        iou_threshold=iou_threshold,
    )
    found = np.cumsum(pred_match > -1)
    with np.errstate(invalid="ignore"):
        recalls = np.concatenate([[0], found / np.float64(len(gt_match)), [1]])
    precisions = np.concatenate([[0], found / np.arange(1, len(found) + 1), [0]])
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]  # the best at this recall or a higher one
    average = float(np.sum(np.diff(recalls) * precisions[1:]))
    return average, precisions, recalls, overlaps


def compute_ap_range(
    gt_box: npt.NDArray,
    gt_class_id: npt.NDArray,
    gt_mask: npt.NDArray,
    pred_box: npt.NDArray,
    pred_class_id: npt.NDArray,
    pred_score: npt.NDArray,
    pred_mask: npt.NDArray,
    iou_thresholds: Sequence[float] | npt.NDArray | None = None,
    verbose: int = 1,
) -> float:
    """The mean of `compute_ap` over IoU thresholds, by default 0.50, 0.55 … 0.95; printed if `verbose`."""
    thresholds = np.arange(0.5, 1.0, 0.05) if iou_thresholds is None else np.asarray(iou_thresholds)
    truth, prediction = (gt_box, gt_class_id, gt_mask), (pred_box, pred_class_id, pred_score, pred_mask)
    averages = [compute_ap(*truth, *prediction, iou_threshold=threshold)[0] for threshold in thresholds]
    mean = float(np.mean(averages))
    if verbose:
        for threshold, average in zip(thresholds, averages, strict=True):
            print(f"AP @{threshold:.2f}:\t {average:.3f}")
        print(f"AP @{thresholds[0]:.2f}-{thresholds[-1]:.2f}:\t {mean:.3f}")
    return mean


def compute_recall(
    pred_boxes: npt.NDArray, gt_boxes: npt.NDArray, iou: float
) -> tuple[float, npt.NDArray[np.int64]]:
    """The share of true boxes (N, 4) that are some detected box's best, with at least this IoU.

    Returns:
        That share, 0 to 1; and the indices of those detected boxes.
    """
    overlaps = compute_overlaps(pred_boxes, gt_boxes)
    positive = np.flatnonzero(overlaps.max(axis=1) >= iou)
    found = np.unique(overlaps.argmax(axis=1)[positive])
    return len(found) / len(gt_boxes), positive
