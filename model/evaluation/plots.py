"""Plots of an evaluation: precision by recall, reliability, and the confusion matrix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.evaluation.classes import ClassEvaluation
from model.evaluation.levels import RECALLS
from model.evaluation.pixel_result import PixelEvaluation
from model.evaluation.reliability import Reliability
from model.evaluation.result import Evaluation

MOST_CURVES = 10
"""More cannot be told apart."""
MOST_NUMBERED = 30
"""Classes up to which the confusion matrix has numbers."""
DPI = 100


RELIABILITY = "reliability.png"


def draw_plots(result: Evaluation | PixelEvaluation | ClassEvaluation, folder: Path) -> list[Path]:
    """Draw the plots that suit an evaluation to PNGs in a folder; returns their paths.

    `pr_curve.png` for objects and pixels, `confusion.png` for a classifier, and `reliability.png`. What has
    no probabilities or no truth is left out.
    """
    drawn = []
    if curves := _curves(result):
        drawn.append(folder / "pr_curve.png")
        draw_curves(curves, drawn[-1])
    if reliabilities := _reliabilities(result):
        drawn.append(folder / RELIABILITY)
        draw_reliability(reliabilities, drawn[-1])
    if isinstance(result, ClassEvaluation):
        drawn.append(folder / "confusion.png")
        draw_confusion(result.confusion, result.classes, drawn[-1])
    return drawn


def draw_curves(curves: Mapping[str, tuple[Sequence[float], Sequence[float]]], path: Path) -> None:
    """Draw name → (recall, precision), each 0 to 1, to a PNG."""
    figure = Figure(figsize=(6.5, 6), layout="constrained")
    axes = figure.subplots()
    for name, (recall, precision) in list(curves.items())[:MOST_CURVES]:
        axes.plot(recall, precision, label=name)
    axes.set_xlabel("recall")
    axes.set_ylabel("precision")
    _square(axes)
    axes.legend(loc="lower left")
    figure.savefig(path, dpi=DPI)


def draw_reliability(reliabilities: Mapping[str, Reliability], path: Path) -> None:
    """Draw the share of predictions that come true, by their probability, to a PNG."""
    figure = Figure(figsize=(6.5, 8), layout="constrained")
    axes, below = figure.subplots(2, sharex=True, height_ratios=(3, 1))
    axes.plot([0, 1], [0, 1], color="grey", linestyle="--", linewidth=1, label="perfectly calibrated")
    for name, one in list(reliabilities.items())[:MOST_CURVES]:
        some = one.counts > 0
        error = "–" if one.error is None else f"{one.error:.3f}"
        label = f"{name}, expected calibration error {error}"
        axes.plot(one.confidences[some], one.shares[some], "o-", label=label)
        edges = np.linspace(0, 1, len(one.counts) + 1)
        below.stairs(one.counts / max(1, one.counts.sum()), edges)
    axes.set_ylabel("share that is right")
    _square(axes)
    axes.legend(loc="upper left")
    below.set_xlabel("probability")
    below.set_ylabel("share of all")
    below.set_ylim(bottom=0)
    below.grid(alpha=0.3)
    figure.savefig(path, dpi=DPI)


def draw_confusion(matrix: npt.NDArray[np.int64], classes: Sequence[str], path: Path) -> None:
    """Draw a confusion matrix (true class by row) to a PNG; colours are shares of the row."""
    count = len(classes)
    side = min(20.0, 3.5 + 0.5 * count)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    shares = matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(count), classes, rotation=90)
    axes.set_yticks(range(count), classes)
    axes.set_xlabel("answered")
    axes.set_ylabel("true")
    if count <= MOST_NUMBERED:
        for (row, column), number in np.ndenumerate(matrix):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{number}", ha="center", va="center", color=colour)
    figure.savefig(path, dpi=DPI)


def _square(axes: Axes) -> None:
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    axes.grid(alpha=0.3)


def _curves(
    result: Evaluation | PixelEvaluation | ClassEvaluation,
) -> dict[str, tuple[Sequence[float], Sequence[float]]]:
    if isinstance(result, Evaluation):
        coco = result.coco_figures
        return {f"IoU 0.{iou}": (coco.recall, curve) for iou, curve in coco.precision.items()}
    if isinstance(result, PixelEvaluation):
        return {name: (RECALLS, one.curve()) for name, one in result.levels.items()}
    return {}


def _reliabilities(result: Evaluation | PixelEvaluation | ClassEvaluation) -> dict[str, Reliability]:
    if isinstance(result, PixelEvaluation):
        return {name: one.reliability for name, one in result.levels.items()}
    name = "objects" if isinstance(result, Evaluation) else "answers"
    return {name: result.reliability} if result.reliability.counts.any() else {}
