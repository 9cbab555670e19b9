"""Self-test: a small picture in a bundle, and what its model must find there before it is served.

A picture chosen for a model shows something that the model finds. In the sample that ships, which every model
gets otherwise, it may find nothing for sure: then most of what is faint there must be found again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from model.checking.sample import sample_picture
from model.results.result import Result, Wishes
from model.results.segments import Segments
from model.storage.manifest import Bundle, BundleError
from model.storage.writing import update_manifest

FILE = "selftest.npz"
BOX_TOLERANCE = 3  # pixels
SCORE_TOLERANCE = 0.05
FILL_TOLERANCE = 0.2  # share of the box that the mask covers
PIXEL_TOLERANCE = 0.1
"""Of the pixels that have a class now or had one, the share whose class may be another one."""
LEAST_MARKED = 0.01
"""Of all pixels; where fewer have a class, the tolerance is of so many, or one at a border would decide."""
SURE = 0.5
"""The score from which on what is found in the sample picture must be found again as it was."""
FAINTER = (1.0, 0.5, 0.2, 0.05, 0.01, 0.0)
"""Of the model's own threshold: where nothing is sure, those at which it is asked, one after another."""
MOST_TRACES = 10  # faint segments, the best
TRACES_FOUND = 0.5
"""The share of faint segments, or of their pixels, that must be found again: int8 moves many a little."""
TRACE_TOLERANCE = 0.2  # of the longer side of its box, by which a faint segment may move

_BLANK = np.zeros((64, 64, 3), np.uint8)

Predict = Callable[..., Result]
"""From an image, uint8 (H, W, 3), RGB, and perhaps wishes to what is in it."""


class SelfTest:
    """The picture of a bundle, and what its model found there when that was recorded."""

    def __init__(self, bundle: Bundle) -> None:
        """Read it from the bundle."""
        self._manifest = bundle.manifest
        self._recorded: dict[str, npt.NDArray] = {}
        path = bundle.folder / FILE
        if path.exists():
            with np.load(path) as recorded:
                self._recorded = dict(recorded)

    def check(self, predict: Predict) -> None:
        """Raise BundleError unless `predict` finds that again.

        For a bundle without a self-test it must at least answer for a blank picture.
        """
        recorded = self._recorded
        image = recorded.get("image", _BLANK)
        threshold = float(recorded.get("threshold", self._manifest.threshold))
        faint = bool(recorded.get("faint", False))
        found = predict(image, Wishes(threshold=threshold)) if "threshold" in recorded else predict(image)
        if not recorded:
            return
        name = self._manifest.name
        if found.class_map is not None:
            most = 1 - TRACES_FOUND if faint else PIXEL_TOLERANCE
            _compare_pixels(name, found.class_map.labels, recorded["labels"], most)
        elif faint and len(recorded["boxes"]):
            _compare_faint_segments(name, found.segments, recorded)
        else:
            _compare_segments(name, threshold, found.segments, recorded)


def record_self_test(bundle: Bundle, predict: Predict, image: npt.NDArray[np.uint8]) -> None:
    """Keep in the bundle what the model finds in `image`, uint8 (H, W, 3), RGB, now.

    Raises:
        ValueError: it finds nothing there, as a dead model would.
    """
    found = predict(image)
    if not len(found.segments):
        raise ValueError(
            "the model finds nothing in the picture for its self-test: choose another, or leave --sample out "
            "to take the picture that ships"
        )
    _write(bundle, {"image": image, **_answer(found)})


def record_usual_self_test(
    bundle: Bundle, predict: Predict, image: npt.NDArray[np.uint8] | None = None
) -> str:
    """Keep in the bundle what the model finds now in the sample picture; a sentence that says how much.

    Args:
        bundle: of the model.
        predict: what it finds in a picture, from some score on.
        image: the sample picture in a size that suits the model; None: in its usual size.
    """
    image = sample_picture() if image is None else image
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
        return f"Self-test: it finds {len(found.segments)} segments in the sample picture."
    what = "nothing for sure, so what is faint" if len(found.segments) else "nothing, and that"
    return (
        f"Self-test: in the sample picture it finds {what} is compared at start. --sample IMAGE, a picture "
        "in which it finds something, tests more."
    )


def _answer(found: Result) -> dict[str, npt.NDArray]:
    """What is recorded of an answer."""
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


def _compare_segments(name: str, threshold: float, found: Segments, test: Mapping[str, npt.NDArray]) -> None:
    """Raise BundleError unless each segment of the one has its like in the other.

    Order says nothing: neighbours in score change places from one processor to the next. Neither do
    segments that are only just over the threshold: they may be under it there.
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
    """Raise BundleError unless enough of the best faint segments lie where one of their class lies now."""
    boxes, class_ids = test["boxes"][:MOST_TRACES], test["class_ids"][:MOST_TRACES]
    allowed = np.maximum(BOX_TOLERANCE, TRACE_TOLERANCE * (boxes[:, 2:] - boxes[:, :2]).max(axis=1))
    near = np.abs(boxes[:, None] - found.boxes).max(axis=2) <= allowed[:, None]
    share = float((near & (class_ids[:, None] == found.class_ids)).any(axis=1).mean())
    if share < TRACES_FOUND:
        raise BundleError(
            f"model {name} fails its self-test: of {len(boxes)} faint segments it finds {share:.0%} again"
        )


def _compare_pixels(
    name: str, found: npt.NDArray[np.uint16], expected: npt.NDArray[np.uint16], most: float
) -> None:
    """Raise BundleError if more than the share `most` of the pixels with a class have another than before."""
    marked = int(np.count_nonzero((found > 0) | (expected > 0)))
    differ = int(np.count_nonzero(found != expected)) / max(1, marked, LEAST_MARKED * found.size)
    if differ > most:
        raise BundleError(
            f"model {name} fails its self-test: {differ:.0%} of the pixels that should have a class "
            "have another one"
        )


def _fill(boxes: npt.NDArray[np.int32], areas: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64 (N,): the share of each box that its mask covers."""
    return areas / np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
