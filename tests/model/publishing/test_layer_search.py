"""The search finds the fewest layers that must stay exact, within its time, and says what it has."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from model.publishing.layer_search import LayerSearch

HARM = {3: 0.5, 7: 0.3, 11: 0.1}
"""What a layer costs in int8."""
LAYERS = 40
ALLOWED = 0.05


def lost(exact: Sequence[int]) -> float:
    return sum(harm for layer, harm in HARM.items() if layer not in exact)


def searching(seconds: float = 60, each: float = 0.0, seconds_of_loss: float = 0.0) -> LayerSearch:
    """A search among 40 layers, three of which matter; each step takes `each` seconds."""

    def slow(exact: Sequence[int]) -> float:
        time.sleep(each)
        return lost(exact)

    return LayerSearch(
        "trunk",
        LAYERS,
        distance=slow,
        lost=slow,
        plain_lost=lost([]),
        largest_loss=ALLOWED,
        seconds=seconds,
        seconds_of_loss=seconds_of_loss,
    )


def test_it_finds_the_layers_that_matter_and_no_others() -> None:
    search = searching()
    best = search.run()
    assert best is not None
    assert set(best.exact) == set(HARM)
    assert best.lost <= ALLOWED
    assert search.complete


def test_it_measures_on_all_pictures_a_few_times_only() -> None:
    measured: list[int] = []
    search = searching()
    search._lost = lambda exact: measured.append(len(exact)) or lost(exact)  # type: ignore[func-returns-value]
    search.run()
    assert measured == [1, 2, 4, 3]


@pytest.mark.alone
@pytest.mark.parametrize("seconds", [0.0, 0.2, 0.5])
def test_it_ends_in_time_with_what_it_has(seconds: float) -> None:
    search = searching(seconds, each=0.02, seconds_of_loss=0.02)
    began = time.monotonic()
    best = search.run()
    assert time.monotonic() - began < seconds + 0.1
    assert not search.complete or best is not None
    assert best is None or best.lost <= ALLOWED


def test_with_no_time_it_finds_nothing_and_is_not_complete() -> None:
    search = searching(seconds=-1, seconds_of_loss=1)
    assert search.run() is None
    assert not search.complete


@pytest.mark.alone
def test_one_bar_tells_layer_time_left_and_loss(capsys: pytest.CaptureFixture[str]) -> None:
    searching(each=0.01).run()
    said = capsys.readouterr().err
    assert said.count("\n") == 1  # one bar, drawn over and over
    assert f"int8 of trunk: layer 40 of {LAYERS}" in said
    assert "left, loses 90.00 points, 5.00 allowed" in said
    assert f"2 of {LAYERS} layers exact" in said
    assert "loses 0.00 points, 5.00 allowed" in said
