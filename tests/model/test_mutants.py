"""Mutants of pictures through `decode`; scripts/fuzz_pictures.py sends thousands of them."""

from __future__ import annotations

import os
import signal

import numpy as np

from model.pictures import decode
from scripts.fuzz_pictures import fuzz
from tests.mutants import mutant, pictures


def test_the_pictures_that_mutants_are_made_of_are_sound() -> None:
    for name, data in pictures().items():
        decoded = decode(data)
        assert sorted(decoded.shape[:2]) == [32, 48], name
        assert np.ptp(decoded) > 150, name


def test_a_number_always_gives_the_same_mutant() -> None:
    assert mutant(17) == mutant(17)
    assert mutant(17) != mutant(17 + len(pictures()))


def test_mutants_give_a_picture_or_a_picture_error_in_bounded_time_and_memory() -> None:
    outcome = fuzz(first=0, count=320, through_app=False)

    assert outcome.complaints == []
    assert sum(outcome.answers.values()) == 320
    assert outcome.answers["a picture"] > 20
    assert outcome.answers["BrokenPicture"] > 100


def test_a_process_that_dies_is_noticed_and_the_rest_goes_on(monkeypatch) -> None:
    """Of the child's own death this is the only sign: its pipe ends and its exit code is no 0."""
    monkeypatch.setattr("scripts.fuzz_pictures._child", _dying_at_3)

    outcome = fuzz(first=2, count=3, through_app=False)

    assert [complaint.split(",")[0] for complaint in outcome.complaints] == ["3"]
    assert "the process died (-9)" in outcome.complaints[0]
    assert outcome.answers["a picture"] == 2


def _dying_at_3(first, end, through_app, reports) -> None:
    for number in range(first, end):
        reports.send(("begin", number))
        if number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        reports.send(("done", "a picture", 0.0, 0, 0, ""))
    reports.send(("end",))
