"""The result of evaluating classes of pixels, by image, by kind, by class and by threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from model.evaluation.levels import RECALLS, Levels, sweep
from model.evaluation.rand_score import RandScore, best_of
from model.evaluation.reliability import mean_error
from model.evaluation.table import cell, to_lines
from model.evaluation.verdicts import SWEEP, Row

Figures = dict[str, float | None]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PixelCounts:
    """The numbers of pixels in one image by class, without the background.

    Attributes:
        id: the sample's id.
        kind: the sample's kind, if the data have it.
        truth: int64 (K,), pixels that have the class.
        found: int64 (K,), pixels for which the class was predicted.
        both: int64 (K,), pixels for which both is true.
        pixels: all pixels, but for those whose class is unknown.
        wrong: those of them with a class too many, or without one that they have.
        rand: the Rand score at each threshold of `SWEEP`; None if it was not asked for, or is undefined.
    """

    id: str
    kind: str | None
    truth: Counts
    found: Counts
    both: Counts
    pixels: int
    wrong: int
    rand: Sequence[RandScore] | None = None


@dataclass(frozen=True)
class PixelEvaluation:
    """The result of evaluating a model on a data set.

    IoU and Dice are over the pixels of all images; "image IoU" and "image Dice" are means over the images in
    which the class occurs or was predicted. Accuracy is the share of pixels that are right. A figure is None
    if there is no such image.

    Attributes:
        classes: names of the K classes, without the background.
        images: the counts of each sample, in the data set's order.
        threshold: at which the model answered.
        levels: class name → the pixels of each probability, for classes that occur; empty if there are none.
    """

    classes: Sequence[str]
    images: Sequence[PixelCounts]
    threshold: float = 0.0
    levels: Mapping[str, Levels] = field(default_factory=dict)

    @property
    def mean_iou(self) -> float | None:
        """IoU over all pixels, averaged over the classes that occur, 0 to 1."""
        return self._means(self.images)["IoU"]

    def rows(self) -> dict[str, Figures]:
        """Means over the classes, for "all" images and for each kind; and each class if there are several."""
        kinds = sorted({image.kind for image in self.images if image.kind is not None})
        rows = {"all": self._means(self.images)}
        rows |= {kind: self._means([image for image in self.images if image.kind == kind]) for kind in kinds}
        if len(self.classes) > 1:
            rows |= {f"class {name}": figures for name, figures in self._by_class(self.images).items()}
        return rows

    def to_json(self) -> dict[str, Any]:
        """All figures, 0 to 1, for `json.dump`."""
        kinds = sorted({image.kind for image in self.images if image.kind is not None})
        best = self._best_rand
        figures: dict[str, Any] = {
            "all": self._means(self.images),
            "classes": self._by_class(self.images),
            "kinds": {
                kind: self._means([image for image in self.images if image.kind == kind]) for kind in kinds
            },
            "per_image": [
                {
                    "id": image.id,
                    "kind": image.kind,
                    **{name: self._means([image])[name] for name in ("IoU", "Dice", "accuracy")},
                    "classes": {
                        name: {"IoU": figures["IoU"], "Dice": figures["Dice"]}
                        for name, figures in self._by_class([image]).items()
                    },
                    **({"rand": image.rand[best].score} if image.rand and best is not None else {}),
                }
                for image in self.images
            ],
        }
        if self.levels:
            reliabilities = {name: one.reliability for name, one in self.levels.items()}
            figures |= {
                "thresholds": self.sweep(),
                "best_threshold": self.best_threshold,
                "pr_curve": {
                    "recall": list(RECALLS),
                    "precision": {name: one.curve() for name, one in self.levels.items()},
                },
                "average_precision": {name: one.average_precision for name, one in self.levels.items()},
                "reliability": {name: one.to_json() for name, one in reliabilities.items()},
                "calibration_error": mean_error(list(reliabilities.values())),
            }
        if best is not None:
            figures["rand"] = {"threshold": SWEEP[best], **self._rand_rows[best]}
        return figures

    def to_table(self) -> str:
        """Markdown tables: `rows` and, with probabilities, the thresholds; sentences about the best one."""
        tables = [to_lines(self.rows())]
        sentences = []
        if self.levels:
            rows = {f"{row['threshold']:g}": _rest(row) for row in self.sweep()}
            tables.append(to_lines(rows, "threshold"))
            error = mean_error([one.reliability for one in self.levels.values()])
            sentences.append(
                f"The best IoU is {cell(self._iou_at(self.best_threshold))}, at threshold "
                f"{self.best_threshold:g}; at {self.threshold:g}, as used, it is {cell(self.mean_iou)}. "
                f"Expected calibration error: {cell(error)}."
            )
        if (best := self._best_rand) is not None:
            row = self._rand_rows[best]
            sentences.append(
                f"Foreground-restricted Rand score: {cell(row['score'])} (split {cell(row['split'])}, merge "
                f"{cell(row['merge'])}), the best of all thresholds, at {SWEEP[best]:g}; without thinning."
            )
        return "\n\n".join(["\n".join(lines) for lines in tables] + sentences)

    def sweep(self) -> list[Row]:
        """IoU, Dice, precision and recall over all pixels, averaged over the classes, at each threshold.

        With Rand scores, also their mean over the images. Empty if there are no probabilities.
        """
        rows = sweep(self.levels) if self.levels else []
        if self._rand_rows:
            for row, rand in zip(rows, self._rand_rows, strict=True):
                row["Rand"] = rand["score"]
        return rows

    @property
    def best_threshold(self) -> float:
        """The threshold of the sweep with the highest IoU; of several, the nearest to the one used."""
        by_iou = {row["threshold"] or 0.0: row["IoU"] or 0.0 for row in self.sweep()}
        return max(by_iou, key=lambda threshold: (by_iou[threshold], -abs(threshold - self.threshold)))

    def _iou_at(self, threshold: float) -> float | None:
        return next(row["IoU"] for row in self.sweep() if row["threshold"] == threshold)

    @cached_property
    def _rand_rows(self) -> list[dict[str, float]]:
        """At each threshold, the means over the images."""
        scored = [image.rand for image in self.images if image.rand]
        return [
            {
                name: float(np.mean([getattr(scores[index], name) for scores in scored]))
                for name in ("score", "split", "merge")
            }
            for index in range(len(SWEEP) if scored else 0)
        ]

    @property
    def _best_rand(self) -> int | None:
        scored = [image.rand for image in self.images if image.rand]
        return best_of(scored) if scored else None

    def _by_class(self, images: Sequence[PixelCounts]) -> dict[str, Figures]:
        truth, found, both = (
            np.array([getattr(image, name) for image in images]) for name in ("truth", "found", "both")
        )
        pixels = sum(image.pixels for image in images)
        return {
            name: _figures(truth[:, index], found[:, index], both[:, index], pixels)
            for index, name in enumerate(self.classes)
        }

    def _means(self, images: Sequence[PixelCounts]) -> Figures:
        by_class = list(self._by_class(images).values())
        names = [name for name in by_class[0] if name not in ("images", "accuracy")]
        pixels, wrong = (sum(getattr(image, name) for image in images) for name in ("pixels", "wrong"))
        return {
            "images": len(images),
            **{name: _mean([row[name] for row in by_class]) for name in names},
            "accuracy": 1 - wrong / pixels if pixels else None,
        }


def _figures(truth: Counts, found: Counts, both: Counts, pixels: int) -> Figures:
    """The figures of one class, from its counts (images,) and the pixels of all images."""
    accuracy = 1 - int((truth + found - 2 * both).sum()) / pixels if pixels else None
    matters = (truth + found) > 0
    truth, found, both = truth[matters], found[matters], both[matters]
    if not matters.any():
        nothing: Figures = dict.fromkeys(("IoU", "Dice", "image IoU", "image Dice"))
        return {"images": 0, **nothing, "accuracy": accuracy}
    return {
        "images": len(both),
        "IoU": float(both.sum() / (truth + found - both).sum()),
        "Dice": float(2 * both.sum() / (truth + found).sum()),
        "image IoU": float((both / (truth + found - both)).mean()),
        "image Dice": float((2 * both / (truth + found)).mean()),
        "accuracy": accuracy,
    }


def _rest(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "threshold"}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
