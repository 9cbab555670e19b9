"""Where there is no time for all pictures, those taken are spread evenly, and there are always a few."""

from __future__ import annotations

import itertools
import time

import pytest

from model.engines.pacing import FEWEST, in_time, spread


@pytest.mark.parametrize("count", [1, 2, 10, 50, 200])
def test_the_first_ones_are_spread_evenly_however_many_are_taken(count: int) -> None:
    order = spread(count)
    assert sorted(order) == list(range(count))
    for taken in range(1, count + 1):
        borders = [-1, *sorted(order[:taken]), count]
        gaps = [after - before for before, after in itertools.pairwise(borders)]
        assert max(gaps) <= 3 * count / taken + 1


def test_with_time_for_all_all_are_taken() -> None:
    assert list(in_time(20, 60)) == spread(20)


def test_it_ends_before_one_for_which_there_is_no_time() -> None:
    taken = 0
    for _ in in_time(100, 0.5):
        time.sleep(0.05)
        taken += 1
    assert FEWEST < taken <= 10


@pytest.mark.parametrize(("count", "expected"), [(100, FEWEST), (2, 2), (0, 0)])
def test_without_any_time_a_few_are_taken(count: int, expected: int) -> None:
    assert list(in_time(count, -1)) == spread(count)[:expected]
