"""The result of an evaluation, by image, by kind, by class and over all, as JSON and as tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from model.evaluation.coco_map import MAX_DETECTIONS, STANDARD_DETECTIONS, CocoFigures, CocoScorer, Figures
from model.evaluation.matching import IGNORED
from model.evaluation.reliability import Reliability, reliability
from model.evaluation.table import cell, to_lines
from model.evaluation.verdicts import SWEEP, Row, Verdicts, average_precision, counts, sweep
from model.results.segments import Segments

RECALLS_SHOWN = tuple(range(10, 100, 10))
"""Levels of recall in the table, in per cent; the JSON has all levels of COCO's curve."""


@dataclass(frozen=True)
class ImageResult:
    """The result for one image.

    Attributes:
        id: the sample's id.
        kind: the sample's kind, if the data have it.
        segments: the P predictions that were counted.
        verdicts: the verdicts on these predictions.
    """

    id: str
    kind: str | None
    segments: Segments
    verdicts: Verdicts

    @property
    def truth(self) -> int:
        """The number of objects in the image, without crowds."""
        return len(self.verdicts.truth_class_ids)

    @property
    def matches(self) -> npt.NDArray[np.int32]:
        """int32 (T, P), see `Verdicts`."""
        return self.verdicts.matches

    @property
    def found(self) -> int:
        """The number of predictions that were counted."""
        return len(self.segments)

    @property
    def matched(self) -> list[int]:
        """The number of objects that were found, for each IoU threshold."""
        return np.count_nonzero(self.matches >= 0, axis=1).tolist()

    @property
    def average_precision(self) -> list[float]:
        """See `verdicts.average_precision`."""
        return average_precision(self.verdicts)


@dataclass(frozen=True)
class Evaluation:
    """The result of evaluating a model on a data set.

    Attributes:
        classes: class names by class id, the background first.
        iou_thresholds: the T thresholds for AP.
        threshold: the lowest score of the predictions in `images`.
        lowest: the lowest score of all predictions, at most `threshold`.
        images: a result for each sample, in the data set's order.
        unsure: for each sample, the verdicts on all predictions.
        scorer: the collected predictions and objects.
    """

    classes: Sequence[str]
    iou_thresholds: tuple[float, ...]
    threshold: float
    lowest: float
    images: Sequence[ImageResult]
    unsure: Sequence[Verdicts]
    scorer: CocoScorer

    @cached_property
    def coco_figures(self) -> CocoFigures:
        """COCO's figures for all predictions; computed on first access."""
        return self.scorer.measure()

    @property
    def coco(self) -> dict[str, Figures]:
        """For "mask" and "box": mAP, AP50 and AP75 of the best 1000 predictions per image and class."""
        return dict(self.coco_figures.best_1000)

    def rows(self) -> dict[str, dict[str, float]]:
        """Counts and mean AP for "all" images and for each kind: images, truth, found, matched50, AP50, …"""
        kinds = sorted({image.kind for image in self.images if image.kind is not None})
        by_kind = {kind: self._row([image for image in self.images if image.kind == kind]) for kind in kinds}
        return {"all": self._row(self.images)} | by_kind

    def class_rows(self) -> dict[str, Row]:
        """For each class that occurs, by name: counts, precision and recall, and COCO's mAP of masks."""
        coco = self.coco_figures.classes
        return {name: {**row, "mAP": coco[name]["mAP"]} for name, row in self._by_class().items()}

    def sweep(self) -> list[Row]:
        """Counts, precision, recall, F1 and mean AP at the usual score thresholds and at the one used."""
        thresholds = {threshold for threshold in SWEEP if threshold >= self.lowest} | {self.threshold}
        return sweep(self.unsure, self.iou_thresholds, sorted(thresholds))

    @property
    def best_threshold(self) -> float:
        """The score threshold with the best F1 at the first IoU; the one used, if none finds an object."""
        best = max(self.sweep(), key=lambda row: row["F1"] or 0.0)
        return (best["threshold"] or 0.0) if best["F1"] else self.threshold

    @property
    def reliability(self) -> Reliability:
        """How often a prediction with a score found an object, at the first IoU; without those in crowds."""
        matches = np.concatenate([image.matches[0] for image in self.unsure])
        scores = np.concatenate([image.scores for image in self.unsure])
        counted = matches != IGNORED
        return reliability(scores[counted], matches[counted] >= 0)

    def to_json(self) -> dict[str, Any]:
        """Everything except the masks, for `json.dump`; AP is 0 to 1."""
        rows, coco = self.rows(), self.coco_figures
        return {
            "iou_thresholds": list(self.iou_thresholds),
            "all": rows.pop("all"),
            "kinds": rows,
            "coco": coco.best_1000,
            "coco100": coco.best_100,
            "sizes": coco.sizes,
            "classes": {name: {**row, "coco": coco.classes[name]} for name, row in self._by_class().items()},
            "thresholds": self.sweep(),
            "best_threshold": self.best_threshold,
            "reliability": self.reliability.to_json(),
            "calibration_error": self.reliability.error,
            "pr_curve": {
                "recall": coco.recall,
                **{f"precision{iou}": curve for iou, curve in coco.precision.items()},
            },
            "per_image": [{"id": image.id, "kind": image.kind} | self._row([image]) for image in self.images],
        }

    def to_table(self) -> str:
        """Markdown tables: `rows`, COCO's figures, sizes, classes, precision by recall, score thresholds."""
        coco = self.coco_figures
        sizes = {f"{name} objects": figures for name, figures in coco.sizes.items() if figures["truth"]}
        figures = {
            f"COCO {name}, best {most}": of[name]
            for most, of in ((STANDARD_DETECTIONS, coco.best_100), (MAX_DETECTIONS, coco.best_1000))
            for name in of
        }
        tables = [to_lines(self.rows()), to_lines(figures)]
        if sizes:
            tables.append(to_lines(sizes, "mask, by size"))
        if len(self.classes) > 2 and (by_class := self.class_rows()):
            tables.append(to_lines(by_class, "by class"))
        if coco.precision:
            tables.append(to_lines(_curve_rows(coco), "recall"))
        swept = self.sweep()
        tables.append(to_lines({f"{row['threshold']:g}": _rest(row) for row in swept}, "threshold"))
        error = f"Expected calibration error of the scores: {cell(self.reliability.error)}."
        return "\n\n".join(["\n".join(lines) for lines in tables] + [f"{error} {self._advice(swept)}"])

    def _advice(self, swept: Sequence[Row]) -> str:
        """A sentence about the threshold with the best F1."""
        best = max(swept, key=lambda row: row["F1"] or 0.0)
        if not best["F1"]:
            return "No prediction found an object, so all thresholds are equally good."
        here = next(row for row in swept if row["threshold"] == self.threshold)
        return (
            f"The best F1 is {cell(best['F1'])}, at threshold {best['threshold']:g}; "
            f"at {self.threshold:g}, as used, it is {cell(here['F1'])}."
        )

    def _by_class(self) -> dict[str, Row]:
        rows = {
            name: counts([image.verdicts.of_class(index) for image in self.images], self.iou_thresholds)
            for index, name in enumerate(self.classes)
        }
        return {name: row for name, row in rows.items() if row["truth"] or row["found"]}

    def _row(self, images: Sequence[ImageResult]) -> dict[str, float]:
        percents = [round(100 * threshold) for threshold in self.iou_thresholds]
        matched = np.sum([image.matched for image in images], axis=0)
        mean_ap = np.mean([image.average_precision for image in images], axis=0)
        return {
            "images": len(images),
            "truth": sum(image.truth for image in images),
            "found": sum(image.found for image in images),
            **{f"matched{p}": int(count) for p, count in zip(percents, matched, strict=True)},
            **{f"AP{p}": float(ap) for p, ap in zip(percents, mean_ap, strict=True)},
        }


def _curve_rows(coco: CocoFigures) -> dict[str, dict[str, float]]:
    """The precision at some levels of recall, for each IoU."""
    at = {round(100 * recall): index for index, recall in enumerate(coco.recall)}
    return {
        f"precision, IoU 0.{iou}": {f"{recall} %": curve[at[recall]] for recall in RECALLS_SHOWN}
        for iou, curve in coco.precision.items()
    }


def _rest(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in ("threshold", "truth")}
