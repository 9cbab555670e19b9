"""A self-test of a model that tells pixels notices when the model no longer tells any."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from model import catalog
from model.checking.selftest import SelfTest, keep_threshold, record_self_test, record_usual_self_test
from model.results.result import ClassMap, Result, Wishes
from model.results.segments import Segments
from model.storage.manifest import Bundle, BundleError
from model.storage.writing import update_manifest

PICTURE = np.zeros((200, 200, 3), np.uint8)


def answering(labels: npt.NDArray[np.uint16]) -> Any:
    """A model that answers so, whatever the picture."""
    rows, columns = np.nonzero(labels)
    segments = Segments.none((200, 200))
    if len(rows):
        x1, y1, x2, y2 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        segments = Segments(
            size=(200, 200),
            boxes=np.array([[x1, y1, x2, y2]], np.int32),
            class_ids=np.array([1], np.int32),
            scores=np.array([0.9], np.float32),
            masks=[(labels[y1:y2, x1:x2] > 0).astype(np.uint8)],
        )
    return lambda image: Result(segments, ClassMap(labels, {}))


def square(left: int, class_id: int = 1) -> npt.NDArray[np.uint16]:
    """A class that covers one percent of the picture."""
    labels = np.zeros((200, 200), np.uint16)
    labels[50:70, left : left + 20] = class_id
    return labels


def test_what_another_processor_rounds_otherwise_passes(tiny_bundle: Bundle) -> None:
    record_self_test(tiny_bundle, answering(square(50)), PICTURE)
    rounded = square(50)
    rounded[50, 50:60] = 0
    SelfTest(tiny_bundle).check(answering(rounded))


@pytest.mark.parametrize(
    "labels",
    [np.zeros((200, 200), np.uint16), square(80), square(50, class_id=2)],
    ids=["nothing", "elsewhere", "another class"],
)
def test_a_small_thing_that_is_gone_fails(tiny_bundle: Bundle, labels: npt.NDArray[np.uint16]) -> None:
    record_self_test(tiny_bundle, answering(square(50)), PICTURE)
    with pytest.raises(BundleError, match="of the pixels that have a class, or should"):
        SelfTest(tiny_bundle).check(answering(labels))


def faintly(boxes: list[list[int]], score: float = 0.2) -> Any:
    """A model that is that unsure of what it finds, and asked for the sure things finds nothing."""

    def predict(image: npt.NDArray[np.uint8], wishes: Wishes = Wishes()) -> Result:  # noqa: B008 - frozen
        found = boxes if (wishes.threshold or 0) <= score else []
        height, width = image.shape[:2]
        return Result(
            Segments(
                size=(width, height),
                boxes=np.array(found, np.int32).reshape(-1, 4),
                class_ids=np.ones(len(found), np.int32),
                scores=np.full(len(found), score, np.float32),
                masks=[np.ones((y2 - y1, x2 - x1), np.uint8) for x1, y1, x2, y2 in found],
            )
        )

    return predict


FAINT = [[10, 10, 50, 50], [60, 60, 100, 80], [200, 10, 230, 90], [300, 100, 380, 200]]


def test_what_is_faint_in_the_sample_picture_must_mostly_be_found_again(tiny_bundle: Bundle) -> None:
    bundle = update_manifest(tiny_bundle, threshold=0.7)
    assert "only faint segments" in record_usual_self_test(bundle, faintly(FAINT))
    test = SelfTest(catalog.find("tiny"))
    test.check(faintly([[12, 9, 52, 48], *FAINT[2:]], score=0.15))  # one is gone, one has moved a little
    with pytest.raises(BundleError, match="it finds only 25% of 4 faint segments"):
        test.check(faintly([FAINT[0], [100, 100, 150, 150]]))
    with pytest.raises(BundleError, match="finds only 0%"):
        test.check(faintly([]))


def test_a_model_that_finds_nothing_in_the_sample_picture_must_find_nothing_again(
    tiny_bundle: Bundle,
) -> None:
    bundle = update_manifest(tiny_bundle, threshold=0.7)
    assert "finds nothing in the sample picture" in record_usual_self_test(bundle, faintly([]))
    test = SelfTest(catalog.find("tiny"))
    test.check(faintly([]))
    with pytest.raises(BundleError, match="1 are new"):
        test.check(faintly(FAINT[:1], score=0.9))


def test_a_self_test_stays_valid_when_the_model_gets_another_threshold(tiny_bundle: Bundle) -> None:
    def model(threshold: float) -> Any:
        """One with this threshold of its own, which finds four things of score 0.5."""
        found = faintly(FAINT, score=0.5)
        own = Wishes(threshold=threshold)
        return lambda image, wishes=own: found(image, wishes)

    bundle = update_manifest(tiny_bundle, threshold=0.3)
    record_self_test(bundle, model(0.3), np.zeros((400, 400, 3), np.uint8))
    keep_threshold(catalog.find("tiny"))
    update_manifest(catalog.find("tiny"), threshold=0.9)

    catalog.find("tiny").check()
    SelfTest(catalog.find("tiny")).check(model(0.9))
