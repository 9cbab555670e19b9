"""What an evaluation found, by image, by kind and over all, as JSON and as a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model.evaluation.matching import FALSE
from model.evaluation.table import cell, to_lines
from model.segments import Segments


@dataclass(frozen=True)
class ImageResult:
    """What was found in one image.

    Attributes:
        id: the sample's id.
        kind: the sample's kind, where the data says.
        truth: how many objects are in the image, crowds not counted.
        segments: the P predictions that were counted.
        matches: int32 (T, P), for each IoU threshold and prediction the index of the object found,
            `matching.FALSE` or `matching.IGNORED`.
    """

    id: str
    kind: str | None
    truth: int
    segments: Segments
    matches: npt.NDArray[np.int32]

    @property
    def found(self) -> int:
        """How many predictions were counted."""
        return len(self.segments)

    @property
    def matched(self) -> list[int]:
        """How many objects were found, by IoU threshold."""
        return np.count_nonzero(self.matches >= 0, axis=1).tolist()

    @property
    def average_precision(self) -> list[float]:
        """TP / (TP + FP + FN), by IoU threshold; 1 where there was nothing to find and nothing was found.

        The "average precision" of the Data Science Bowl and of StarDist, at one score threshold. COCO's AP
        is another thing: the area under the curve over all scores.
        """
        false = np.count_nonzero(self.matches == FALSE, axis=1)
        counted = self.truth + false  # TP + FN is the truth
        return [hits / total if total else 1.0 for hits, total in zip(self.matched, counted, strict=True)]


@dataclass(frozen=True)
class Evaluation:
    """How good a model was on a data set.

    Attributes:
        iou_thresholds: T thresholds, at which AP is given.
        images: a result for each sample, in the data set's order.
        coco: "mask" and "box" → "mAP", "AP50", "AP75", 0 to 1, over all predictions of whatever score;
            None where the data holds no object.
    """

    iou_thresholds: tuple[float, ...]
    images: Sequence[ImageResult]
    coco: dict[str, dict[str, float | None]]

    def rows(self) -> dict[str, dict[str, float]]:
        """Counts and mean AP of "all" images and of each kind: images, truth, found, matched50, AP50, …"""
        kinds = sorted({image.kind for image in self.images if image.kind is not None})
        by_kind = {kind: self._row([image for image in self.images if image.kind == kind]) for kind in kinds}
        return {"all": self._row(self.images)} | by_kind

    def to_json(self) -> dict[str, Any]:
        """Everything but the masks, ready for `json.dump`; AP is 0 to 1."""
        rows = self.rows()
        return {
            "iou_thresholds": list(self.iou_thresholds),
            "all": rows.pop("all"),
            "kinds": rows,
            "coco": self.coco,
            "per_image": [{"id": image.id, "kind": image.kind} | self._row([image]) for image in self.images],
        }

    def to_table(self) -> str:
        """A Markdown table of `rows`, with COCO's figures beneath."""
        lines = [*to_lines(self.rows()), ""]
        return "\n".join([*lines, *(_coco_line(name, figures) for name, figures in self.coco.items())])

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


def _coco_line(name: str, figures: dict[str, float | None]) -> str:
    return f"COCO {name}: " + ", ".join(f"{figure} {cell(value)}" for figure, value in figures.items())
