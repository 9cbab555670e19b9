"""Evaluates a model's classes of pixels: IoU and Dice, over all pixels and averaged over images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from model.data import DataSet, Sample
from model.evaluation.evaluate import check_size
from model.evaluation.table import to_lines
from model.results.masks import Mask
from model.results.segments import Segments

Predict = Callable[[npt.NDArray[np.uint8]], Segments]
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
    """

    id: str
    kind: str | None
    truth: Counts
    found: Counts
    both: Counts


@dataclass(frozen=True)
class PixelEvaluation:
    """The result of evaluating a model on a data set.

    IoU and Dice are over the pixels of all images; "image IoU" and "image Dice" are means over the images in
    which the class occurs or was predicted. A figure is None if there is no such image.

    Attributes:
        classes: names of the K classes, without the background.
        images: the counts of each sample, in the data set's order.
    """

    classes: Sequence[str]
    images: Sequence[PixelCounts]

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
        return {
            "all": self._means(self.images),
            "classes": self._by_class(self.images),
            "kinds": {
                kind: self._means([image for image in self.images if image.kind == kind]) for kind in kinds
            },
            "per_image": [
                {
                    "id": image.id,
                    "kind": image.kind,
                    "classes": {
                        name: {"IoU": figures["IoU"], "Dice": figures["Dice"]}
                        for name, figures in self._by_class([image]).items()
                    },
                }
                for image in self.images
            ],
        }

    def to_table(self) -> str:
        """A Markdown table of `rows`."""
        return "\n".join(to_lines(self.rows()))

    def _by_class(self, images: Sequence[PixelCounts]) -> dict[str, Figures]:
        truth, found, both = (
            np.array([getattr(image, name) for image in images]) for name in ("truth", "found", "both")
        )
        return {
            name: _figures(truth[:, index], found[:, index], both[:, index])
            for index, name in enumerate(self.classes)
        }

    def _means(self, images: Sequence[PixelCounts]) -> Figures:
        by_class = list(self._by_class(images).values())
        names = [name for name in by_class[0] if name != "images"]
        return {"images": len(images), **{name: _mean([row[name] for row in by_class]) for name in names}}


def evaluate_pixels(predict: Predict, data: DataSet, *, progress: bool = True) -> PixelEvaluation:
    """Runs `predict` on each image of `data` and compares the pixels of each class.

    The pixels of all objects of a class, crowds included, have that class. Unknown pixels count neither as
    found nor as missed.

    Args:
        predict: uint8 (H, W, 3) RGB → Segments of that size, with class ids of `data`.
        data: the images and their true objects.
        progress: show a progress bar.

    Raises:
        ValueError: `data` is empty, or `predict` returned segments for another size.
        DataError: a sample cannot be read.
    """
    if len(data) == 0:
        raise ValueError("there are no images to evaluate on")
    images = []
    for index in tqdm(range(len(data)), desc="evaluate", unit="image", disable=not progress):
        sample = data[index]
        images.append(_compare(sample, predict(sample.image), len(data.classes)))
    return PixelEvaluation(data.classes[1:], images)


def _compare(sample: Sample, segments: Segments, classes: int) -> PixelCounts:
    check_size(sample, segments)
    height, width = sample.image.shape[:2]
    there = [
        *zip(sample.class_ids, sample.boxes, sample.masks, strict=True),
        *zip(sample.crowd_class_ids, sample.crowd_boxes, sample.crowd_masks, strict=True),
    ]
    answered = list(zip(segments.class_ids, segments.boxes, segments.masks, strict=True))
    counts = np.zeros((3, classes - 1), np.int64)
    for class_id in range(1, classes):
        truth, found = (_union(class_id, objects, (height, width)) for objects in (there, answered))
        if sample.unknown is not None:
            truth, found = truth & (1 - sample.unknown), found & (1 - sample.unknown)
        counts[:, class_id - 1] = [np.count_nonzero(plane) for plane in (truth, found, truth & found)]
    return PixelCounts(sample.id, sample.kind, *counts)


def _union(
    class_id: int,
    objects: Sequence[tuple[np.int32, npt.NDArray[np.int32], Mask]],
    shape: tuple[int, int],
) -> Mask:
    """uint8 (H, W) of 0 and 1: the pixels of all objects of a class."""
    plane = np.zeros(shape, np.uint8)
    for has, (x1, y1, x2, y2), mask in objects:
        if has == class_id:
            plane[y1:y2, x1:x2] |= mask
    return plane


def _figures(truth: Counts, found: Counts, both: Counts) -> Figures:
    """The figures of one class, from its counts (images,)."""
    matters = (truth + found) > 0
    truth, found, both = truth[matters], found[matters], both[matters]
    if not matters.any():
        return {"images": 0, "IoU": None, "Dice": None, "image IoU": None, "image Dice": None}
    return {
        "images": len(both),
        "IoU": float(both.sum() / (truth + found - both).sum()),
        "Dice": float(2 * both.sum() / (truth + found).sum()),
        "image IoU": float((both / (truth + found - both)).mean()),
        "image Dice": float((2 * both / (truth + found)).mean()),
    }


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
