from __future__ import annotations

import numpy as np
import pytest

from app.configuration.traffic import Version
from app.shadow.waiting import MOST_BYTES, Shadowed, Waiting
from model.results.result import Result, Wishes
from model.results.segments import Segments
from model.shadowing.picture import AnsweredPicture


def shadowed(size: int = 300) -> Shadowed:
    """A picture that takes so many bytes."""
    image = np.zeros((1, size // 3, 3), np.uint8)
    picture = AnsweredPicture(image, Wishes(), Result(Segments.none((size // 3, 1))), ["background"])
    return Shadowed("id", 0, Version("stub", "1"), 1.0, picture)


@pytest.mark.parametrize(
    ("sizes", "dropped"),
    [
        ([300, 300, 300], [None, None, "busy"]),
        ([MOST_BYTES + 3], ["large"]),
        (
            [MOST_BYTES // 2 + 3, MOST_BYTES // 2 + 3, 300],
            [None, "busy", None],
        ),  # together they are too large
    ],
)
def test_few_pictures_wait_and_take_little_memory(sizes: list[int], dropped: list[str | None]) -> None:
    waiting = Waiting()
    assert [waiting.add(shadowed(size)) for size in sizes] == dropped


def test_a_picture_makes_room_when_it_is_removed_and_not_before() -> None:
    waiting = Waiting()
    first, second, third = shadowed(), shadowed(), shadowed()
    waiting.add(first)
    waiting.add(second)
    waiting.answer(second)  # its request was answered before that of the first
    assert waiting.next() is second
    assert waiting.add(third) == "busy"
    waiting.remove(second)
    assert waiting.add(third) is None


def test_a_request_that_never_ends_does_not_keep_the_room_for_ever() -> None:
    waiting = Waiting()
    for _ in range(2):
        one = shadowed()
        one.since -= 700
        waiting.add(one)
    assert waiting.add(shadowed()) is None


def test_once_closed_it_is_empty_and_takes_nothing() -> None:
    waiting = Waiting()
    one = shadowed()
    waiting.add(one)
    waiting.answer(one)
    waiting.close()
    assert waiting.next() is None
    assert waiting.add(shadowed()) == "busy"
    waiting.remove(one)  # which a request does that ends now
