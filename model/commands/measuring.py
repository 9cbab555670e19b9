"""Measuring: evaluates a model on labelled images, whatever its task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.data import Annotated, Reading, open_data, open_data_for
from model.data.classified import ClassifiedFolder, open_classified
from model.evaluation.classes import ClassEvaluation, evaluate_classes
from model.evaluation.coco_map import UNSURE
from model.evaluation.evaluate import evaluate
from model.evaluation.known_classes import KnownClasses
from model.evaluation.levels import Planes
from model.evaluation.pixel_result import PixelEvaluation
from model.evaluation.pixels import PixelAnswer, evaluate_pixels
from model.evaluation.rand_score import Side
from model.evaluation.result import Evaluation
from model.pictures.tiles import SEAM_THRESHOLD
from model.results.result import MOST_SEGMENTS, Result, Wishes
from model.results.segments import Segments
from model.segmenter import Segmenter
from model.storage.manifest import Manifest

LISTS = (
    "task",
    "compared",
    "classes",
    "thresholds",
    "pr_curve",
    "reliability",
    "average_precision",
    "per_image",
)
"""Figures that are too long for a model.json, or are in it already."""
BOUNDARIES = ("membrane", "membranes", "boundary", "boundaries", "border", "borders")
"""Names of a single class for which the Rand score is always measured."""


def is_of_pixels(manifest: Manifest, data: Annotated) -> bool:
    """Whether classes of pixels are compared, and not objects."""
    return manifest.task == "semantic" or not data.has_objects


Observe = Callable[[npt.NDArray[np.uint8], Segments], None]
"""Is told a picture, uint8 (H, W, 3), RGB, and what the model found in it."""

Data = Annotated | ClassifiedFolder
"""What models of all tasks are measured on."""


@dataclass(frozen=True)
class Measurement:
    """A model measured on a data set.

    Attributes:
        result: the figures, by image and over all.
        known: the data set, with the class ids of the model; None for a classifier.
        threshold: the lowest score that counted.
        data_sha256: hash of the data set.
        figures: everything for `json.dump`, with what it was measured with.
        how: engine and precision, for people.
    """

    result: Evaluation | PixelEvaluation | ClassEvaluation
    known: KnownClasses | None
    threshold: float
    data_sha256: str
    figures: dict[str, Any]
    how: str

    @property
    def images(self) -> int:
        """The number of images."""
        return int(self.figures["images"])

    @property
    def is_of_whole_answers(self) -> bool:
        """Whether the model was asked for all of its classes, as by a request without options."""
        return self.known is not None and self.known.asked is None

    @property
    def quality(self) -> dict[str, Any]:
        """The figures for a model.json."""
        return {name: value for name, value in self.figures.items() if name not in LISTS}


def open_for(path: Path, manifest: Manifest, reading: Reading) -> Data:
    """The data set at `path` for a model; if it does not name its classes, they are the model's.

    Raises:
        DataError: there is none for the model's task, or a classifier does not have its classes.
    """
    if manifest.task == "classify":
        return open_classified(path, manifest.classes)
    data = open_data(path, reading)
    return data if data.has_names else open_data_for(path, manifest.classes, reading)


def check_classes(data: Data, manifest: Manifest, classes: Sequence[str] | None = None) -> None:
    """Raise ValueError if the model lacks a class of the data, or an option does not suit its task."""
    if isinstance(data, Annotated):
        KnownClasses(data, manifest.classes, classes)
    elif classes:
        raise ValueError(
            "--classes chooses classes of objects or pixels, and this model is a classifier: omit it"
        )


def measure(
    segmenter: Segmenter,
    data: Data,
    data_sha256: str,
    *,
    threshold: float | None = None,
    classes: Sequence[str] | None = None,
    rand: Side | None = None,
    observe: Observe | None = None,
) -> Measurement:
    """Measure a model as it is served.

    Args:
        segmenter: the model.
        data: the images and what is on them; has passed `check_data`.
        data_sha256: its hash, see `model.data.fingerprint`.
        threshold: the lowest score to count; None: the model's.
        classes: names of the classes to compare; None: all of the data's.
        rand: what the only class is, for the Rand score.
        observe: is told each picture and answer, if the answers are whole (`is_of_whole_answers`).

    Raises:
        ValueError: the classes of model and data differ, or an option does not suit the model.
    """
    manifest = segmenter.bundle.manifest
    threshold = manifest.threshold if threshold is None else threshold
    result: Evaluation | PixelEvaluation | ClassEvaluation
    known = None
    if isinstance(data, ClassifiedFolder):
        task, result = "classify", evaluate_classes(partial(_probabilities, segmenter), data)
    else:
        known = KnownClasses(data, manifest.classes, classes)
        told = _nobody if observe is None or known.asked is not None else observe
        if is_of_pixels(manifest, data):
            task, result = "semantic", _pixels(segmenter, known, threshold, told, rand)
        else:
            task, result = "instance", _objects(segmenter, known, threshold, told)
    asked = known.asked if known else None
    figures = {
        "task": task,
        "data": Path(data.path).name,
        "data_sha256": data_sha256,
        "precision": segmenter.precision,
        "images": len(data),
        "compared": asked or [name for name in manifest.classes if name != "background"],
        "threshold": threshold,
        "threshold_chosen_on": manifest.threshold_chosen_on if threshold == manifest.threshold else "",
        **result.to_json(),
    }
    how = f"{segmenter.engine} {segmenter.precision}"
    return Measurement(result, known, threshold, data_sha256, figures, how)


def _nobody(image: npt.NDArray[np.uint8], segments: Segments) -> None:
    """The `Observe` for a measurement that nobody observes."""


def _objects(segmenter: Segmenter, data: KnownClasses, threshold: float, observe: Observe) -> Evaluation:
    """Evaluate the objects."""
    lowest = _lowest(segmenter.bundle.manifest, threshold)

    def answer(image: npt.NDArray[np.uint8]) -> Segments:
        segments = segmenter.segment(image, threshold=lowest, classes=data.asked)
        observe(image, segments.select(np.flatnonzero(segments.scores >= np.float32(threshold))))
        return segments

    return evaluate(answer, data, threshold=threshold, lowest=lowest)


def _pixels(
    segmenter: Segmenter, data: KnownClasses, threshold: float, observe: Observe, rand: Side | None = None
) -> PixelEvaluation:
    """Evaluate the classes of pixels; with probabilities, if the model gives any."""
    manifest = segmenter.bundle.manifest
    asked = data.asked or manifest.classes[1:]
    if rand is None and len(asked) == 1 and asked[0].casefold() in BOUNDARIES:
        rand = "boundary"
    with_planes = asked if manifest.task == "semantic" else []
    if rand and len(with_planes) != 1:
        raise ValueError(
            "--rand judges the regions between boundaries, for which a semantic model needs exactly one "
            "class: omit it, or choose the class with --classes"
        )
    wishes = Wishes(threshold, data.asked, MOST_SEGMENTS)

    def answer(image: npt.NDArray[np.uint8]) -> PixelAnswer:
        found = _answer(segmenter, wishes, with_planes, image)
        observe(image, found.segments)
        return found

    return evaluate_pixels(answer, data, threshold=threshold, rand=rand)


def _probabilities(segmenter: Segmenter, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    return segmenter.classify(image).probabilities


def _answer(
    segmenter: Segmenter, wishes: Wishes, names: Sequence[str], image: npt.NDArray[np.uint8]
) -> PixelAnswer:
    """The answer to `wishes`, with the probabilities of the named classes."""
    wanted = [wishes, *(replace(wishes, threshold=0.0, probability_of=name) for name in names)]
    answer, *probable = segmenter.predict_each(image, wanted)
    classes = segmenter.bundle.manifest.classes
    planes = {
        name: _planes(result, classes.index(name)) for name, result in zip(names, probable, strict=True)
    }
    return PixelAnswer(answer.segments, planes)


def _planes(result: Result, class_id: int) -> Planes:
    assert result.class_map is not None
    assert result.class_map.probability is not None
    where = np.zeros(result.class_map.labels.shape, np.uint8)
    segments = result.segments
    for has, (x1, y1, x2, y2), mask in zip(segments.class_ids, segments.boxes, segments.masks, strict=True):
        if has == class_id:
            where[y1:y2, x1:x2] |= mask
    return where, result.class_map.probability


def _lowest(manifest: Manifest, threshold: float) -> float:
    """The lowest score to request from the model.

    Its answers with at least a higher score must be the same as its answers at that threshold.
    """
    return min(threshold, UNSURE if manifest.tile_overlap is None else SEAM_THRESHOLD)
