"""COCO's mAP, as pycocotools computes it, of predictions that are in memory."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from model.results.masks import RunLengths

STANDARD_DETECTIONS, MAX_DETECTIONS = 100, 1000
"""COCO itself counts the best 100 of an image and class; a microscope sees 400 nuclei at once."""
UNSURE = 0.05
"""COCO's mAP wants every prediction, however unsure; those with a lower score only cost time."""
AREAS = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}
"""COCO's ranges of an object's area, in pixels of the image."""
SIZES = tuple(AREAS)[1:]
COCO_IOU_TYPES = {"mask": "segm", "box": "bbox"}

Figures = dict[str, float | None]
"""mAP (mean over IoU 0.50…0.95), AP50 and AP75, 0 to 1; None where there was no object at all."""


@dataclass(frozen=True)
class CocoFigures:
    """What COCO's evaluation says of a model.

    Attributes:
        best_1000: "mask" and "box" → figures of the best 1000 predictions of each image and class.
        best_100: the same of the best 100, as COCO itself counts.
        sizes: "small", "medium" and "large" → figures of masks, with the number of objects as "truth".
        classes: class name → figures of masks.
        recall: 101 levels from 0 to 1.
        precision: "50" and "75", the IoU → the precision of masks at each level of recall, the mean over the
            classes that occur; empty where no object does.
    """

    best_1000: Mapping[str, Figures]
    best_100: Mapping[str, Figures]
    sizes: Mapping[str, Figures]
    classes: Mapping[str, Figures]
    recall: Sequence[float]
    precision: Mapping[str, Sequence[float]]


class CocoScorer:
    """Collects the objects and predictions of images, then measures them."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._categories = [{"id": i, "name": name} for i, name in enumerate(classes) if i > 0]
        self._images: list[dict[str, int]] = []
        self._truth: list[dict[str, Any]] = []
        self._predictions: list[dict[str, Any]] = []

    def add_image(self, size: tuple[int, int]) -> None:
        """Begins an image of `size` (width, height), to which what is added next belongs."""
        self._images.append({"id": len(self._images) + 1, "width": size[0], "height": size[1]})

    def add_truth(self, rles: Sequence[RunLengths], class_ids: npt.NDArray[np.int32], iscrowd: int) -> None:
        """Adds objects (`iscrowd` 0) or crowds (1) of the image last begun."""
        for rle, class_id in zip(rles, class_ids, strict=True):
            self._truth.append(self._annotation(rle, class_id, len(self._truth)) | {"iscrowd": iscrowd})

    def add_predictions(
        self, rles: Sequence[RunLengths], class_ids: npt.NDArray[np.int32], scores: npt.NDArray[np.float32]
    ) -> None:
        """Adds predictions for the image last begun."""
        for rle, class_id, score in zip(rles, class_ids, scores, strict=True):
            annotation = self._annotation(rle, class_id, len(self._predictions))
            self._predictions.append(annotation | {"score": float(score)})

    def measure(self) -> CocoFigures:
        """The figures of everything that was added.

        Crowds are ignored as COCO ignores them. The boxes are those around the masks' pixels; COCO's
        annotated ones have fractions.
        """
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports its progress by print
            truth, predictions = self._index(self._truth), self._index(self._predictions)
            measured = {name: _Measured(truth, predictions, kind) for name, kind in COCO_IOU_TYPES.items()}
        masks = measured["mask"]
        names = [str(category["name"]) for category in self._categories]
        return CocoFigures(
            best_1000={name: one.figures() for name, one in measured.items()},
            best_100={name: one.figures(most=STANDARD_DETECTIONS) for name, one in measured.items()},
            sizes={size: {"truth": self._count(size), **masks.figures(area=size)} for size in SIZES},
            classes={name: masks.figures(class_index=index) for index, name in enumerate(names)},
            recall=masks.recall,
            precision={iou: curve for iou in ("50", "75") if (curve := masks.curve(int(iou) / 100))},
        )

    def _annotation(self, rle: RunLengths, class_id: np.int32, index: int) -> dict[str, Any]:
        return {
            "id": index + 1,  # 0 means "unmatched" inside COCOeval: an object with id 0 is never found
            "image_id": self._images[-1]["id"],
            "category_id": int(class_id),
            "segmentation": rle,
            "area": float(coco_mask.area(rle)),
            "bbox": coco_mask.toBbox(rle).tolist(),
        }

    def _index(self, annotations: list[dict[str, Any]]) -> COCO:
        coco = COCO()
        coco.dataset = {"images": self._images, "categories": self._categories, "annotations": annotations}
        coco.createIndex()
        return coco

    def _count(self, size: str) -> int:
        """How many objects are of that size; one on the border of two counts to both, as in COCO."""
        least, most = AREAS[size]
        return sum(not one["iscrowd"] and least <= one["area"] <= most for one in self._truth)


class _Measured:
    """COCO's evaluation of masks or of boxes, and its figures for some of it."""

    def __init__(self, truth: COCO, predictions: COCO, iou_type: str) -> None:
        evaluation = COCOeval(truth, predictions, iou_type)
        evaluation.params.maxDets = [STANDARD_DETECTIONS, MAX_DETECTIONS]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = list(AREAS.values()), list(AREAS)
        evaluation.evaluate()
        evaluation.accumulate()
        # IoU threshold × recall × class × area × detections; -1 stands for a class without objects
        self.precision: npt.NDArray[np.float64] = evaluation.eval["precision"]
        self.recall: list[float] = evaluation.params.recThrs.tolist()
        self._at = {round(float(iou), 2): index for index, iou in enumerate(evaluation.params.iouThrs)}

    def figures(
        self, *, most: int = MAX_DETECTIONS, area: str = "all", class_index: int | None = None
    ) -> Figures:
        """Those of the best so many predictions, for objects of a size, of one class (None: the mean)."""
        precision = self._part(most, area)
        if class_index is not None:
            precision = precision[:, :, class_index]
        parts = {"mAP": precision, "AP50": precision[self._at[0.5]], "AP75": precision[self._at[0.75]]}
        return {name: _mean(part) for name, part in parts.items()}

    def curve(self, iou: float) -> list[float]:
        """The precision at each level of recall, the mean over the classes that occur."""
        precision = self._part(MAX_DETECTIONS, "all")[self._at[iou]]  # recall × class
        occurring = precision[:, (precision >= 0).all(axis=0)]
        return occurring.mean(axis=1).tolist() if occurring.size else []

    def _part(self, most: int, area: str) -> npt.NDArray[np.float64]:
        return self.precision[..., list(AREAS).index(area), (STANDARD_DETECTIONS, MAX_DETECTIONS).index(most)]


def _mean(precision: npt.NDArray[np.float64]) -> float | None:
    known = precision[precision >= 0]
    return float(known.mean()) if known.size else None
