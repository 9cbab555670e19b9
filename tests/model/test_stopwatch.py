from __future__ import annotations

import itertools
import time

import pytest

from model.stopwatch import Stopwatch


def test_a_stage_measured_twice_adds_up_and_keeps_both_laps() -> None:
    stopwatch = Stopwatch()
    for stage in ("infer", "masks", "infer"):
        with stopwatch.measure(stage):
            time.sleep(0.01)
    assert [lap.stage for lap in stopwatch.laps] == ["infer", "masks", "infer"]
    moments = [moment for lap in stopwatch.laps for moment in (lap.start, lap.end)]
    assert moments == sorted(moments)
    first, _, second = ((lap.end - lap.start) * 1000 for lap in stopwatch.laps)
    assert stopwatch.milliseconds["infer"] == pytest.approx(first + second)


def test_a_stage_that_fails_is_measured_too() -> None:
    stopwatch = Stopwatch()
    with pytest.raises(ValueError), stopwatch.measure("decode"):
        raise ValueError
    assert set(stopwatch.milliseconds) == {"decode"}


def test_a_stage_within_another_interrupts_it() -> None:
    stopwatch = Stopwatch()
    with stopwatch.measure("decode"):
        time.sleep(0.01)
        with stopwatch.measure("queue"):
            time.sleep(0.03)
        time.sleep(0.01)
    assert [lap.stage for lap in stopwatch.laps] == ["decode", "queue", "decode"]
    assert all(lap.end == after.start for lap, after in itertools.pairwise(stopwatch.laps))
    first, queue, last = ((lap.end - lap.start) * 1000 for lap in stopwatch.laps)
    assert queue >= 30
    assert stopwatch.milliseconds["decode"] == pytest.approx(first + last)
