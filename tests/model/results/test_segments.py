"""The result type refuses what would break whoever reads it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model.results.segments import Segments


def two_segments(**changes: Any) -> Segments:
    """Two segments of a picture of 10 x 8 pixels, with some fields replaced."""
    fields = {
        "size": (10, 8),
        "boxes": np.array([[0, 0, 4, 3], [5, 2, 10, 8]], np.int32),
        "class_ids": np.array([1, 2], np.int32),
        "scores": np.array([0.9, 0.5], np.float32),
        "masks": [np.ones((3, 4), np.uint8), np.eye(6, 5, dtype=np.uint8)],
    }
    return Segments(**(fields | changes))


def test_areas_count_the_pixels_of_each_mask() -> None:
    assert two_segments().areas().tolist() == [12, 5]


def test_none_is_an_answer_without_segments() -> None:
    nothing = Segments.none((10, 8))

    assert len(nothing) == 0
    assert nothing.size == (10, 8)
    assert nothing.areas().tolist() == []


def test_select_keeps_all_fields_of_the_chosen() -> None:
    second = two_segments().select(np.array([1]))

    assert len(second) == 1
    assert second.size == (10, 8)
    assert second.boxes.tolist() == [[5, 2, 10, 8]]
    assert second.class_ids.tolist() == [2]
    assert second.areas().tolist() == [5]


def test_select_of_nothing_is_empty() -> None:
    assert len(two_segments().select(np.zeros(0, np.int64))) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"boxes": np.zeros((2, 5), np.int32)}, r"boxes must have shape \(N, 4\)"),
        ({"class_ids": np.array([1], np.int32)}, "class_ids must have shape"),
        ({"scores": np.array([0.5], np.float32)}, "scores must have shape"),
        ({"masks": []}, "2 boxes need 2 masks, not 0"),
        # no width
        ({"boxes": np.array([[0, 0, 4, 3], [5, 2, 5, 8]], np.int32)}, "is empty or exceeds the image"),
        # one pixel past the right edge
        ({"boxes": np.array([[0, 0, 4, 3], [6, 2, 11, 8]], np.int32)}, "exceeds the image of 10 x 8"),
        # one pixel above the top
        ({"boxes": np.array([[0, -1, 4, 2], [5, 2, 10, 8]], np.int32)}, "exceeds the image of 10 x 8"),
        ({"class_ids": np.array([0, 1], np.int32)}, "class 0 is background"),
        ({"scores": np.array([0.5, 0.9], np.float32)}, "sorted by score"),
        # transposed
        (
            {"masks": [np.ones((4, 3), np.uint8), np.ones((6, 5), np.uint8)]},
            "mask 0 must have its box's shape",
        ),
    ],
)
def test_fields_that_do_not_fit_together_are_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        two_segments(**changes)


@pytest.mark.parametrize(
    ("score", "written"),
    [
        (1.0, 1.0),
        (0.9, 0.9),  # a little less in 32 bits
        (0.74996, 0.7499),  # would be 0.75 if it were rounded, which a threshold of 0.75 does not keep
        (0.75, 0.75),
        (0.00004, 0.0),
        (0.0, 0.0),
    ],
)
def test_a_score_as_written_passes_the_thresholds_that_the_score_passes(score: float, written: float) -> None:
    segments = two_segments(scores=np.array([score, 0], np.float32))
    assert segments.written_scores() == [written, 0]
    for threshold in np.linspace(0, 1, 101).round(2).tolist():
        assert (written >= threshold) == bool(segments.scores[0] >= np.float32(threshold))
