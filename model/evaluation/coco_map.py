"""COCO's mAP, computed by pycocotools from predictions in memory."""

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
"""COCO counts the best 100 per image and class; a microscope picture can have 400 nuclei."""
UNSURE = 0.05
"""The lowest score for COCO's mAP, which needs predictions of any score; lower ones only cost time."""
AREAS = {"all": (0, 1e10), "small": (0, 32**2), "medium": (32**2, 96**2), "large": (96**2, 1e10)}
"""COCO's ranges of an object's area, in pixels of the image."""
SIZES = tuple(AREAS)[1:]
COCO_IOU_TYPES = {"mask": "segm", "box": "bbox"}

Figures = dict[str, float | None]
"""mAP (mean over IoU 0.50…0.95), AP50 and AP75, 0 to 1; None if there is no object."""


@dataclass(frozen=True)
class CocoFigures:
    """The result of COCO's evaluation.

    Attributes:
        best_1000: "mask" and "box" → figures for the best 1000 predictions per image and class.
        best_100: the same for the best 100, as COCO counts.
        sizes: "small", "medium" and "large" → figures for masks, with the number of objects as "truth".
        classes: class name → figures for masks.
        recall: 101 levels from 0 to 1.
        precision: IoU ("50" and "75") → precision of masks at each level of recall, averaged over the classes
            that occur; empty if there is no object.
    """

    best_1000: Mapping[str, Figures]
    best_100: Mapping[str, Figures]
    sizes: Mapping[str, Figures]
    classes: Mapping[str, Figures]
    recall: Sequence[float]
    precision: Mapping[str, Sequence[float]]


class CocoScorer:
    """Collects the objects and predictions of images, then computes the figures."""

    def __init__(self, classes: Sequence[str]) -> None:
        self._categories = [{"id": i, "name": name} for i, name in enumerate(classes) if i > 0]
        self._images: list[dict[str, int]] = []
        self._truth: list[dict[str, Any]] = []
        self._predictions: list[dict[str, Any]] = []

    def add_image(self, size: tuple[int, int]) -> None:
        """Starts a new image of `size` (width, height), for the next calls of the other methods."""
        self._images.append({"id": len(self._images) + 1, "width": size[0], "height": size[1]})

    def add_truth(self, rles: Sequence[RunLengths], class_ids: npt.NDArray[np.int32], iscrowd: int) -> None:
        """Adds objects (`iscrowd` 0) or crowds (1) to the current image."""
        for rle, class_id in zip(rles, class_ids, strict=True):
            self._truth.append(self._annotation(rle, class_id, len(self._truth)) | {"iscrowd": iscrowd})

    def add_predictions(
        self, rles: Sequence[RunLengths], class_ids: npt.NDArray[np.int32], scores: npt.NDArray[np.float32]
    ) -> None:
        """Adds predictions to the current image."""
        for rle, class_id, score in zip(rles, class_ids, scores, strict=True):
            annotation = self._annotation(rle, class_id, len(self._predictions))
            self._predictions.append(annotation | {"score": float(score)})

    def measure(self) -> CocoFigures:
        """The figures for all images.

        Crowds are ignored as in COCO. Boxes enclose the pixels of the masks, unlike COCO's annotated boxes,
        which have fractional coordinates.
        """
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
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
            "id": index + 1,  # in COCOeval 0 means "unmatched", so an object with id 0 would never be found
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
        """The number of objects of that size; one on the border of two sizes counts for both, as in COCO."""
        least, most = AREAS[size]
        return sum(not one["iscrowd"] and least <= one["area"] <= most for one in self._truth)


class _Measured:
    """COCO's evaluation of masks or of boxes, with figures for a part of it."""

    def __init__(self, truth: COCO, predictions: COCO, iou_type: str) -> None:
        evaluation = COCOeval(truth, predictions, iou_type)
        evaluation.params.maxDets = [STANDARD_DETECTIONS, MAX_DETECTIONS]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = list(AREAS.values()), list(AREAS)
        evaluation.evaluate()
        evaluation.accumulate()
        # IoU threshold × recall × class × area × detections; -1 for a class without objects
        self.precision: npt.NDArray[np.float64] = evaluation.eval["precision"]
        self.recall: list[float] = evaluation.params.recThrs.tolist()
        self._at = {round(float(iou), 2): index for index, iou in enumerate(evaluation.params.iouThrs)}

    def figures(
        self, *, most: int = MAX_DETECTIONS, area: str = "all", class_index: int | None = None
    ) -> Figures:
        """Figures for the best `most` predictions, for one size, for one class (None: the mean)."""
        precision = self._part(most, area)
        if class_index is not None:
            precision = precision[:, :, class_index]
        parts = {"mAP": precision, "AP50": precision[self._at[0.5]], "AP75": precision[self._at[0.75]]}
        return {name: _mean(part) for name, part in parts.items()}

    def curve(self, iou: float) -> list[float]:
        """The precision at each level of recall, averaged over the classes that occur."""
        precision = self._part(MAX_DETECTIONS, "all")[self._at[iou]]  # recall × class
        occurring = precision[:, (precision >= 0).all(axis=0)]
        return occurring.mean(axis=1).tolist() if occurring.size else []

    def _part(self, most: int, area: str) -> npt.NDArray[np.float64]:
        return self.precision[..., list(AREAS).index(area), (STANDARD_DETECTIONS, MAX_DETECTIONS).index(most)]


def _mean(precision: npt.NDArray[np.float64]) -> float | None:
    known = precision[precision >= 0]
    return float(known.mean()) if known.size else None
