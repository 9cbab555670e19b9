from __future__ import annotations

import numpy as np
import pytest

from model.results.result import ClassMap, Result
from model.results.segments import Segments
from model.shadowing.agreement import TooManyObjects, agreement

CELLS = ["background", "cell", "fibre"]
Box = tuple[int, int, int, int]


def found(*boxes: Box, scores: tuple[float, ...] = (), class_ids: tuple[int, ...] = ()) -> Result:
    return Result(
        Segments(
            size=(100, 100),
            boxes=np.array(boxes, np.int32).reshape(-1, 4),
            class_ids=np.array(class_ids or [1] * len(boxes), np.int32),
            scores=np.array(scores or [0.9] * len(boxes), np.float32),
            masks=[np.ones((y2 - y1, x2 - x1), np.uint8) for x1, y1, x2, y2 in boxes],
        )
    )


def painted(labels: list[list[int]], probabilities: dict[int, float]) -> Result:
    return Result(Segments.none((2, 2)), ClassMap(np.array(labels, np.uint16), probabilities))


A, B, C = (0, 0, 10, 10), (20, 0, 30, 10), (40, 0, 50, 10)
A_SHIFTED = (0, 0, 10, 6)  # IoU 0.6 with A
A_HALF = (0, 0, 10, 4)  # IoU 0.4


@pytest.mark.parametrize(
    ("first", "second", "matched"),
    [
        (found(), found(), 1.0),
        (found(A), found(), 0.0),
        (found(), found(A, B), 0.0),
        (found(A, B), found(B, A), 1.0),
        (found(A), found(A_SHIFTED), 1.0),
        (found(A), found(A_HALF), 0.0),
        (found(A, B, C), found(A), 0.5),  # two of four have a counterpart
        (found(A), found(A, A), 2 / 3),  # one counterpart each
    ],
)
def test_matched_is_the_share_of_all_objects_with_a_counterpart(
    first: Result, second: Result, matched: float
) -> None:
    figures = agreement(first, second, CELLS, CELLS)
    assert figures.matched == pytest.approx(matched)
    assert figures.dice is None
    assert (figures.count, figures.shadow_count) == (len(first.segments), len(second.segments))


def test_the_score_difference_is_that_of_counterparts() -> None:
    first = found(A, B, C, scores=(0.9, 0.8, 0.1))
    second = found(B, A, scores=(0.9, 0.7))
    figures = agreement(first, second, CELLS, CELLS)
    assert figures.score_difference == pytest.approx((0.1 - 0.2) / 2, abs=1e-6)
    assert agreement(found(A), found(B), CELLS, CELLS).score_difference is None


def test_classes_are_the_same_if_their_names_are() -> None:
    first, second = found(A, class_ids=(1,)), found(A, class_ids=(2,))
    assert agreement(first, second, CELLS, CELLS).matched == 0
    assert agreement(first, second, CELLS, ["background", "fibre", "cell"]).matched == 1
    assert agreement(first, second, CELLS, ["nothing", "cell", "spore"]).matched == 0


def test_dice_is_the_mean_over_the_classes_that_occur() -> None:
    first = painted([[1, 1], [2, 0]], {1: 0.8, 2: 0.7})
    second = painted([[1, 0], [0, 0]], {1: 0.9})
    figures = agreement(first, second, CELLS, CELLS)
    assert figures.dice == pytest.approx((2 / 3 + 0) / 2)
    assert figures.matched is None
    assert figures.score_difference == pytest.approx(0.1)
    nothing = painted([[0, 0], [0, 0]], {})
    assert agreement(nothing, nothing, CELLS, CELLS).dice == 1
    swapped = agreement(first, painted([[2, 2], [1, 0]], {1: 0.7, 2: 0.8}), CELLS, [CELLS[0], *CELLS[:0:-1]])
    assert swapped.dice == 1


def test_too_many_objects_are_refused_instead_of_filling_the_memory() -> None:
    many = found(*[(x, y, x + 1, y + 1) for x in range(100) for y in range(21)])
    with pytest.raises(TooManyObjects, match="2100 and 2100 objects"):
        agreement(many, many, CELLS, CELLS)
