"""COCO's mAP, as pycocotools computes it, of predictions that are in memory."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from model.masks import RunLengths

# COCO itself counts the best 100 of an image and class, and `summarize` knows nothing else; a microscope
# sees 400 nuclei at once.
MAX_DETECTIONS = 1000
ANY_AREA = (0, 1e10)
COCO_IOU_TYPES = {"mask": "segm", "box": "bbox"}


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

    def measure(self) -> dict[str, dict[str, float | None]]:
        """The mAP (mean over IoU 0.50…0.95), AP50 and AP75, 0 to 1, of masks and of their boxes.

        Crowds are ignored as COCO ignores them. The boxes are those around the masks' pixels; COCO's
        annotated ones have fractions. A figure is None where there was no object at all.
        """
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools reports its progress by print
            truth, predictions = self._index(self._truth), self._index(self._predictions)
            return {name: _measure(truth, predictions, iou_type) for name, iou_type in COCO_IOU_TYPES.items()}

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


def _measure(truth: COCO, predictions: COCO, iou_type: str) -> dict[str, float | None]:
    coco_eval = COCOeval(truth, predictions, iou_type)
    coco_eval.params.maxDets = [MAX_DETECTIONS]
    coco_eval.params.areaRng, coco_eval.params.areaRngLbl = [ANY_AREA], ["all"]
    coco_eval.evaluate()
    coco_eval.accumulate()
    precision = coco_eval.eval["precision"]  # IoU threshold × recall × class × 1 × 1
    at = {round(float(iou), 2): index for index, iou in enumerate(coco_eval.params.iouThrs)}
    return {"mAP": _mean(precision), "AP50": _mean(precision[at[0.5]]), "AP75": _mean(precision[at[0.75]])}


def _mean(precision: npt.NDArray[np.float64]) -> float | None:
    known = precision[precision >= 0]  # -1 stands for a class without objects
    return float(known.mean()) if known.size else None
