"""Panel: the confusion matrix of a classifier beside pictures that it mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.data.classified import ClassifiedFolder

SHOWN = 12
COLUMNS = 4
RED, INK = "#c00020", "#1e1e1e"
MOST_NUMBERED = 20
"""With more classes, the matrix has no numbers: they would not fit."""


def draw_panel(
    data: ClassifiedFolder, indices: Sequence[int], found: npt.NDArray[np.integer], path: Path
) -> None:
    """Draw the panel to a PNG.

    Args:
        data: the pictures.
        indices: of those that were classified.
        found: (N,), the class id found for each of them.
        path: of the file.
    """
    truth = np.array([data.class_ids[index] for index in indices])
    figure = Figure(figsize=(15, 6.5), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=(1, 1.25), squeeze=False)[0]
    confusion = confusion_of(truth, found, len(data.classes))
    _draw_matrix(left.subplots(), confusion, data.classes)
    wrong = np.flatnonzero(truth != found)
    if len(wrong):
        places = wrong[np.linspace(0, len(wrong) - 1, min(SHOWN, len(wrong))).round().astype(int)]
        right.suptitle(f"{len(wrong)} of {len(truth)} mistaken: truth → answer", color=INK)
    else:
        places = np.linspace(0, len(truth) - 1, min(SHOWN, len(truth))).round().astype(int)
        right.suptitle(f"none of {len(truth)} mistaken", color=INK)
    axes = right.subplots(-(-SHOWN // COLUMNS), COLUMNS).ravel()
    for one in axes:
        one.set_axis_off()
    for one, place in zip(axes, places, strict=False):
        one.imshow(data[indices[place]].image)
        names = data.classes[truth[place]], data.classes[found[place]]
        is_right = truth[place] == found[place]
        one.set_title(names[0] if is_right else " → ".join(names), fontsize=9, color=INK if is_right else RED)
    figure.savefig(path, dpi=90)


def confusion_of(
    truth: npt.NDArray[np.integer], found: npt.NDArray[np.integer], classes: int
) -> npt.NDArray[np.int64]:
    """int64 (K, K): how often a picture of the class of the row got the class of the column."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, found), 1)
    return counts


def _draw_matrix(axes: Axes, counts: npt.NDArray[np.int64], classes: Sequence[str]) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    if len(classes) > MOST_NUMBERED:
        return
    for row, column in np.ndindex(counts.shape):
        if counts[row, column]:
            colour = "white" if shares[row, column] > 0.5 else INK
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour)
