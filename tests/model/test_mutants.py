"""Mutants of pictures through decoder processes; scripts/fuzz_pictures.py sends thousands of them."""

from __future__ import annotations

import os
import signal

import numpy as np

from model.pictures import decode, whole
from model.pictures.isolation.decoders import Decoders
from scripts.decoder_watch import decoder_processes
from scripts.fuzz_pictures import MOST_BYTES, decoding, fuzz
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
    outcome = fuzz(range(350), decoding())

    assert outcome.complaints == []
    assert sum(outcome.answers.values()) == 350
    assert outcome.answers["a picture"] > 20
    assert outcome.answers["BrokenPicture"] > 100
    assert 0 < outcome.most_bytes < MOST_BYTES


def test_a_mutant_that_breaks_something_is_noticed_and_the_rest_goes_on() -> None:
    decoders = Decoders()

    def killed_at_3(data: bytes, number: int) -> str:
        def kill(size: tuple[int, int], needed: int, pages: int) -> None:
            if number == 3:
                os.kill(decoder_processes()[-1], signal.SIGKILL)

        decoders.decode(pictures()["png"], whole, before_pixels=kill)
        return "a picture"

    outcome = fuzz(range(2, 5), killed_at_3)

    assert outcome.deaths == {"SIGKILL": 1}
    assert outcome.broke == {3}
    (complaint,) = outcome.complaints
    assert complaint.startswith("3, jpeg, several: ")
    assert "MemoryError" in complaint
    assert outcome.answers["a picture"] == 2
