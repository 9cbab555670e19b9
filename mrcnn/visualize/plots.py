"""Plots of how well detections match the truth."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt

from mrcnn.visualize.canvas import new_axes


def plot_precision_recall(AP: float, precisions: Sequence[float], recalls: Sequence[float]) -> None:  # noqa: N803
    """Plot the curve that `mrcnn.utils.compute_ap` gives, with the average precision as title."""
    ax = new_axes((6.4, 4.8))
    ax.set_title(f"Precision-Recall Curve. AP@50 = {AP:.3f}")
    ax.set_ylim(0, 1.1)
    ax.set_xlim(0, 1.1)
    ax.plot(recalls, precisions)


def plot_overlaps(
    gt_class_ids: npt.NDArray,
    pred_class_ids: npt.NDArray,
    pred_scores: npt.NDArray,
    overlaps: npt.NDArray,
    class_names: Sequence[str],
    threshold: float = 0.5,
) -> None:
    """Plot the IoU of each detection with each true object, and whether the classes agree.

    Args:
        gt_class_ids: (N,); zeros are padding.
        pred_class_ids: (M,); zeros are padding.
        pred_scores: (M,).
        overlaps: (M, N), as `mrcnn.utils.compute_matches` gives it.
        class_names: by class id.
        threshold: lowest IoU that is called a match, or wrong.
    """
    gt_class_ids, pred_class_ids = gt_class_ids[gt_class_ids != 0], pred_class_ids[pred_class_ids != 0]
    ax = new_axes((12, 10))
    ax.imshow(overlaps, interpolation="nearest", cmap="Blues")
    detected = [f"{class_names[int(which)]} ({pred_scores[i]:.2f})" for i, which in enumerate(pred_class_ids)]
    ax.set_yticks(np.arange(len(detected)), detected)
    true = [class_names[int(which)] for which in gt_class_ids]
    ax.set_xticks(np.arange(len(true)), true, rotation=90)

    half = overlaps.max(initial=0) / 2
    for (row, column), overlap in np.ndenumerate(overlaps):
        agrees = ""
        if overlap > threshold:
            agrees = "match" if gt_class_ids[column] == pred_class_ids[row] else "wrong"
        color = "white" if overlap > half else "black" if overlap > 0 else "grey"
        ax.text(column, row, f"{overlap:.3f}\n{agrees}", ha="center", va="center", fontsize=9, color=color)
    plt.tight_layout()
    ax.set_xlabel("Ground Truth")
    ax.set_ylabel("Predictions")
