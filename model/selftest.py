"""Self-test: a small picture in a bundle, and what its model must find there before it is served."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from model import catalog
from model.manifest import Bundle, BundleError, Manifest
from model.result import Result
from model.segments import Segments

FILE = "selftest.npz"
BOX_TOLERANCE = 3  # pixels
SCORE_TOLERANCE = 0.05
FILL_TOLERANCE = 0.2  # share of the box that the mask covers
PIXEL_TOLERANCE = 0.1
"""Of the pixels that have a class now or had one, the share whose class may be another one."""

_BLANK = np.zeros((64, 64, 3), np.uint8)

Predict = Callable[[npt.NDArray[np.uint8]], Result]


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
        found = predict(recorded.get("image", _BLANK))
        if not recorded:
            return
        if found.class_map is None:
            _compare_segments(self._manifest, found.segments, recorded)
        else:
            _compare_pixels(self._manifest, found.class_map.labels, recorded["labels"])


def record_self_test(bundle: Bundle, predict: Predict, image: npt.NDArray[np.uint8]) -> None:
    """Keep in the bundle what the model finds in `image`, uint8 (H, W, 3), RGB, now.

    Raises:
        ValueError: it finds nothing there, as a dead model would.
    """
    found = predict(image)
    segments = found.segments
    if not len(segments):
        raise ValueError("the model finds nothing in the picture for its self-test: choose another")
    if found.class_map is None:
        answer: dict[str, npt.NDArray] = {
            "boxes": segments.boxes,
            "class_ids": segments.class_ids,
            "scores": segments.scores,
            "areas": segments.areas(),
        }
    else:
        answer = {"labels": found.class_map.labels}
    np.savez_compressed(bundle.folder / FILE, image=image, **answer)  # type: ignore[arg-type]
    catalog.update_manifest(bundle)


def _compare_segments(manifest: Manifest, found: Segments, test: Mapping[str, npt.NDArray]) -> None:
    """Raise BundleError unless each segment of the one has its like in the other.

    Order says nothing: neighbours in score change places from one processor to the next. Neither do
    segments that are only just over the threshold: they may be under it there.
    """
    boxes = np.abs(test["boxes"][:, None] - found.boxes).max(axis=2) <= BOX_TOLERANCE
    scores = np.abs(test["scores"][:, None] - found.scores) <= SCORE_TOLERANCE
    fills = np.abs(_fill(test["boxes"], test["areas"])[:, None] - _fill(found.boxes, found.areas()))
    same_class = test["class_ids"][:, None] == found.class_ids
    alike = boxes & scores & same_class & (fills <= FILL_TOLERANCE)
    sure = manifest.threshold + min(SCORE_TOLERANCE, (1 - manifest.threshold) / 2)
    missing = np.count_nonzero((test["scores"] >= sure) & ~alike.any(axis=1))
    unexpected = np.count_nonzero((found.scores >= sure) & ~alike.any(axis=0))
    if missing or unexpected:
        raise BundleError(
            f"model {manifest.name} fails its self-test: of {len(test['boxes'])} segments {missing} are "
            f"missing or differ in place, class, score or mask; {unexpected} are new"
        )


def _compare_pixels(
    manifest: Manifest, found: npt.NDArray[np.uint16], expected: npt.NDArray[np.uint16]
) -> None:
    """Raise BundleError unless nearly all pixels have the class that they had."""
    marked = int(np.count_nonzero((found > 0) | (expected > 0)))
    differ = int(np.count_nonzero(found != expected)) / max(1, marked)
    if differ > PIXEL_TOLERANCE:
        raise BundleError(
            f"model {manifest.name} fails its self-test: {differ:.0%} of the pixels that should have a class "
            "have another one"
        )


def _fill(boxes: npt.NDArray[np.int32], areas: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64 (N,): the share of each box that its mask covers."""
    return areas / np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
