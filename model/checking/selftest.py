"""Self-test: a small picture in a bundle, and what the model must find in it before it is served.

A picture chosen for a model shows something that the model finds. By default, a model gets the sample picture
that ships, in which it may find nothing with a high score. In that case, it must find most of the segments
with low scores (faint segments) again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from model.checking.sample import sample_picture
from model.results.classification import Classification
from model.results.result import Result, Wishes
from model.results.segments import Segments
from model.storage.manifest import Bundle, BundleError
from model.storage.writing import update_manifest

FILE = "selftest.npz"
BOX_TOLERANCE = 3  # pixels
SCORE_TOLERANCE = 0.05
FILL_TOLERANCE = 0.2  # allowed difference in the share of the box that the mask covers
PROBABILITY_TOLERANCE = 0.1  # of each class, for classifiers
PIXEL_TOLERANCE = 0.1
"""The share of the pixels with a class, now or before, whose class may differ."""
LEAST_MARKED = 0.01
"""A share of all pixels. If fewer have a class, the tolerance applies to this many, or a single pixel at a
border could fail the test."""
SURE = 0.5
"""Segments in the sample picture with at least this score must be found again without change."""
FAINTER = (1.0, 0.5, 0.2, 0.05, 0.01, 0.0)
"""Multiples of the model's own threshold that are tried one after another if no segment has a high score."""
MOST_TRACES = 10  # how many of the best faint segments are compared
TRACES_FOUND = 0.5
"""The share of faint segments, or of their pixels, that must be found again: int8 moves many slightly."""
TRACE_TOLERANCE = 0.2  # how far a faint segment may move, relative to the longer side of its box

_BLANK = np.zeros((64, 64, 3), np.uint8)

Predict = Callable[..., Result]
"""Takes an image, uint8 (H, W, 3), RGB, and optionally wishes; returns the result."""


class SelfTest:
    """The picture of a bundle's self-test, and the recorded result."""

    def __init__(self, bundle: Bundle) -> None:
        """Read the self-test from the bundle."""
        self._manifest = bundle.manifest
        self._recorded: dict[str, npt.NDArray] = {}
        path = bundle.folder / FILE
        if path.exists():
            with np.load(path) as recorded:
                self._recorded = dict(recorded)

    def check(self, predict: Predict) -> None:
        """Raise BundleError unless `predict` returns the recorded result.

        Without a recorded self-test, it must at least return a result for a blank picture.
        """
        recorded = self._recorded
        image = recorded.get("image", _BLANK)
        threshold = float(recorded.get("threshold", self._manifest.threshold))
        faint = bool(recorded.get("faint", False))
        found = predict(image, Wishes(threshold=threshold)) if "threshold" in recorded else predict(image)
        if not recorded:
            return
        name = self._manifest.name
        if found.classification is not None:
            _compare_probabilities(name, found.classification, recorded)
        elif found.class_map is not None:
            most = 1 - TRACES_FOUND if faint else PIXEL_TOLERANCE
            _compare_pixels(name, found.class_map.labels, recorded["labels"], most)
        elif faint and len(recorded["boxes"]):
            _compare_faint_segments(name, found.segments, recorded)
        else:
            _compare_segments(name, threshold, found.segments, recorded)


def record_self_test(bundle: Bundle, predict: Predict, image: npt.NDArray[np.uint8]) -> None:
    """Record in the bundle what the model finds now in `image`, uint8 (H, W, 3), RGB.

    Raises:
        ValueError: it finds nothing there, like a broken model.
    """
    found = predict(image)
    if found.classification is None and not len(found.segments):
        raise ValueError(
            "the model finds nothing in the picture for its self-test: choose another one, or omit --sample "
            "to use the picture that ships"
        )
    _write(bundle, {"image": image, **_answer(found)})


def keep_threshold(bundle: Bundle) -> None:
    """Record the model's threshold in its self-test, which then stays valid if the model gets another."""
    path = bundle.folder / FILE
    if not path.exists():
        return
    with np.load(path) as stored:
        recorded = dict(stored)
    if "threshold" not in recorded:
        _write(bundle, {**recorded, "threshold": np.array(bundle.manifest.threshold)})


def record_usual_self_test(
    bundle: Bundle, predict: Predict, image: npt.NDArray[np.uint8] | None = None
) -> str:
    """Record in the bundle what the model finds now in the sample picture; return a sentence about that.

    Args:
        bundle: the model's bundle.
        predict: finds what is in a picture, from a given score on.
        image: the sample picture in a size that suits the model; None: in its usual size.
    """
    image = sample_picture() if image is None else image
    found = predict(image)
    if found.classification is not None:
        _write(bundle, {"image": image, **_answer(found)})
        name = bundle.manifest.classes[found.classification.class_id]
        return (
            f"Self-test: the model takes the sample picture for {name} "
            f"({found.classification.probability:.2f}), and this is compared at start."
        )
    own = bundle.manifest.threshold
    sure = max(own, SURE)
    for threshold in (sure, *(share * own for share in FAINTER)):
        found = predict(image, Wishes(threshold=threshold))
        if len(found.segments):
            break
    faint = threshold < sure
    how = {"threshold": np.array(threshold), "faint": np.array(faint)}
    _write(bundle, {"image": image, **how, **_answer(found)})
    if len(found.segments) and not faint:
        return f"Self-test: the model finds {len(found.segments)} segments in the sample picture."
    what = "only faint segments" if len(found.segments) else "nothing"
    return (
        f"Self-test: the model finds {what} in the sample picture, and this is compared at start. For a "
        "better test, give a picture that shows what the model finds: --sample IMAGE."
    )


def _answer(found: Result) -> dict[str, npt.NDArray]:
    """Return the part of a result that is recorded."""
    if found.classification is not None:
        return {"probabilities": found.classification.probabilities}
    if found.class_map is not None:
        return {"labels": found.class_map.labels}
    segments = found.segments
    return {
        "boxes": segments.boxes,
        "class_ids": segments.class_ids,
        "scores": segments.scores,
        "areas": segments.areas(),
    }


def _write(bundle: Bundle, recorded: dict[str, npt.NDArray]) -> None:
    np.savez_compressed(bundle.folder / FILE, **recorded)  # type: ignore[arg-type]
    update_manifest(bundle)


def _compare_probabilities(name: str, found: Classification, test: Mapping[str, npt.NDArray]) -> None:
    """Raise BundleError unless each class has nearly the recorded probability."""
    expected = test["probabilities"]
    if found.probabilities.shape != expected.shape:
        raise BundleError(
            f"model {name} fails its self-test: it has {len(found.probabilities)} classes, not "
            f"{len(expected)}"
        )
    apart = float(np.abs(found.probabilities - expected).max())
    if not apart <= PROBABILITY_TOLERANCE:
        raise BundleError(
            f"model {name} fails its self-test: the probability of a class differs by {apart:.2f}"
        )


def _compare_segments(name: str, threshold: float, found: Segments, test: Mapping[str, npt.NDArray]) -> None:
    """Raise BundleError unless each segment of one result has a similar one in the other.

    Order is ignored, because segments with similar scores change places from one processor to another. So are
    segments just above the threshold, which may be below it on another processor.
    """
    boxes = np.abs(test["boxes"][:, None] - found.boxes).max(axis=2) <= BOX_TOLERANCE
    scores = np.abs(test["scores"][:, None] - found.scores) <= SCORE_TOLERANCE
    fills = np.abs(_fill(test["boxes"], test["areas"])[:, None] - _fill(found.boxes, found.areas()))
    same_class = test["class_ids"][:, None] == found.class_ids
    alike = boxes & scores & same_class & (fills <= FILL_TOLERANCE)
    sure = threshold + min(SCORE_TOLERANCE, (1 - threshold) / 2)
    missing = np.count_nonzero((test["scores"] >= sure) & ~alike.any(axis=1))
    unexpected = np.count_nonzero((found.scores >= sure) & ~alike.any(axis=0))
    if missing or unexpected:
        raise BundleError(
            f"model {name} fails its self-test: of {len(test['boxes'])} segments {missing} are "
            f"missing or differ in place, class, score or mask; {unexpected} are new"
        )


def _compare_faint_segments(name: str, found: Segments, test: Mapping[str, npt.NDArray]) -> None:
    """Raise BundleError unless enough of the best faint segments have one of their class nearby now."""
    boxes, class_ids = test["boxes"][:MOST_TRACES], test["class_ids"][:MOST_TRACES]
    allowed = np.maximum(BOX_TOLERANCE, TRACE_TOLERANCE * (boxes[:, 2:] - boxes[:, :2]).max(axis=1))
    near = np.abs(boxes[:, None] - found.boxes).max(axis=2) <= allowed[:, None]
    share = float((near & (class_ids[:, None] == found.class_ids)).any(axis=1).mean())
    if share < TRACES_FOUND:
        raise BundleError(
            f"model {name} fails its self-test: it finds only {share:.0%} of {len(boxes)} faint segments"
        )


def _compare_pixels(
    name: str, found: npt.NDArray[np.uint16], expected: npt.NDArray[np.uint16], most: float
) -> None:
    """Raise BundleError if more than the share `most` of the pixels with a class have another one now."""
    marked = int(np.count_nonzero((found > 0) | (expected > 0)))
    differ = int(np.count_nonzero(found != expected)) / max(1, marked, LEAST_MARKED * found.size)
    if differ > most:
        raise BundleError(
            f"model {name} fails its self-test: {differ:.0%} of the pixels that have a class, or should, have"
            " the wrong one"
        )


def _fill(boxes: npt.NDArray[np.int32], areas: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Return float64 (N,), the share of each box that its mask covers."""
    return areas / np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
