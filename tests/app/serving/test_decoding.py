"""Requests decode in other processes, as many and as large at once as memory is meant for."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest
from encoded import encode
from PIL import Image

from app.errors import Busy, ClientLeft
from app.serving.decoding import (
    AT_ONCE,
    INCLUDED_BYTES,
    KEPT,
    KEPT_BYTES,
    SHOWN_BYTES,
    SLOW_AT_ONCE,
    Decoding,
)
from app.serving.patience import Patience
from model.families.family import Size
from model.pictures import Decode, Decoded, Limits, whole
from model.pictures.isolation.decoders import Decoders
from model.pictures.wanted import BeforePixels
from model.stopwatch import Stopwatch

LIMITS = Limits(max_pixels=3000 * 3000)


def animation(width: int, height: int, frames: int) -> bytes:
    buffer = io.BytesIO()
    first, *others = (Image.new("L", (width, height), shade) for shade in range(frames))
    first.save(buffer, "GIF", save_all=True, append_images=others)
    return buffer.getvalue()


SMALL, LARGE = encode(64, 48, "PNG"), encode(3000, 3000, "JPEG")
LAST = 19  # with those before it, five million pixels
ANIMATION = animation(500, 500, LAST + 1)


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    decoders = Decoders()
    yield decoders
    decoders.close()


@pytest.fixture
def decoding(decoders: Decoders) -> Decoding:
    return Decoding(LIMITS, len(LARGE), decoders)


def one(
    decoding: Decoding,
    stopwatch: Stopwatch | None = None,
    patience: Patience = Patience(),  # noqa: B008 - frozen
    timeout: float = 60,
    kept_bytes: int = KEPT_BYTES,
    before_pixels: Callable[[Size, int, bool], object] = lambda size, pages, is_large: None,
    caller: str = "somebody",
) -> AbstractContextManager[Decode]:
    return decoding.of(caller, stopwatch or Stopwatch(), patience, timeout, kept_bytes, before_pixels)


def test_a_small_picture_does_not_wait_for_the_memory_of_large_ones(decoding: Decoding) -> None:
    with ExitStack() as kept:
        with pytest.raises(Busy):  # sooner or later all the memory is taken by decoded pictures
            for _ in range(20):
                decode = kept.enter_context(one(decoding, timeout=0.1))
                decode(LARGE, whole, LIMITS)
        with one(decoding, timeout=0.1) as decode:
            assert decode(SMALL, whole, LIMITS).size == (64, 48)
    with one(decoding, timeout=0.1) as decode:  # the others are answered
        assert decode(LARGE, whole, LIMITS).size == (3000, 3000)


def test_pictures_that_answers_show_are_kept_in_smaller_numbers(decoding: Decoding) -> None:
    def kept_at_once(kept_bytes: int) -> int:
        with ExitStack() as kept, pytest.raises(Busy):
            for number in range(20):  # noqa: B007 - the last counts
                decode = kept.enter_context(one(decoding, timeout=0.1, kept_bytes=kept_bytes))
                decode(LARGE, whole, LIMITS)
        return number

    assert 0 < kept_at_once(INCLUDED_BYTES) < kept_at_once(SHOWN_BYTES) < kept_at_once(KEPT_BYTES)


def test_a_wait_for_memory_counts_as_queue_and_not_as_decoding(decoding: Decoding) -> None:
    stopwatch = Stopwatch()
    with ExitStack() as kept:
        with pytest.raises(Busy):
            for _ in range(20):
                kept.enter_context(one(decoding, timeout=0.1))(LARGE, whole, LIMITS)
        with (
            pytest.raises(Busy),
            one(decoding, stopwatch, timeout=0.5) as decode,
            stopwatch.measure("decode"),
        ):
            decode(LARGE, whole, LIMITS)
    assert stopwatch.milliseconds["queue"] == pytest.approx(500, abs=100)
    assert stopwatch.milliseconds["decode"] < 400


def test_nothing_is_decoded_for_a_client_that_has_left(decoding: Decoding) -> None:
    gone = Patience(math.inf, lambda: True)
    with pytest.raises(ClientLeft), one(decoding, patience=gone) as decode:
        decode(SMALL, whole, LIMITS)


def test_nothing_is_decoded_when_the_time_of_a_request_is_over(decoding: Decoding) -> None:
    with pytest.raises(Busy), one(decoding, patience=Patience(0.0)) as decode:
        decode(SMALL, whole, LIMITS)


def test_a_caller_with_many_slow_pictures_leaves_a_decoder_to_others(decoding: Decoding) -> None:
    with ExitStack() as held:

        def look(size: Size, pages: int, is_large: bool) -> None:
            """While the picture that is being decoded has its turn, let the next come."""
            if next(others, None) is None:
                with pytest.raises(Busy), one(decoding, timeout=0.1) as again:
                    again(SMALL, whole, LIMITS)
                with one(decoding, timeout=0.1, caller="another") as other:
                    assert other(SMALL, whole, LIMITS).size == (64, 48)
            else:
                held.enter_context(one(decoding, before_pixels=look))(SMALL, whole, LIMITS)

        others = iter(range(AT_ONCE - KEPT - 1))
        held.enter_context(one(decoding, before_pixels=look))(SMALL, whole, LIMITS)


def test_small_pictures_do_not_wait_for_those_that_take_long_for_their_size(
    decoding: Decoding, decoders: Decoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode_there, callers = decoders.decode, iter(range(SLOW_AT_ONCE - 1))

    def decode_frame(caller: str) -> None:
        with one(decoding, timeout=0.1, caller=caller) as decode:
            assert decode(ANIMATION, whole, LIMITS, page=LAST).size == (500, 500)

    def look() -> None:
        """While a late frame has its turns, let the next one come, until so many have them that none may."""
        if (number := next(callers, None)) is not None:
            decode_frame(f"caller {number}")
            return
        monkeypatch.setattr(decoders, "decode", decode_there)
        with pytest.raises(Busy):
            decode_frame("another")
        for file in (SMALL, ANIMATION):
            with one(decoding, timeout=0.1) as decode:
                decode(file, whole, LIMITS)

    def watched(*file: Any, before_pixels: BeforePixels, **how: Any) -> Decoded:
        def told(*what: Any) -> None:
            before_pixels(*what)
            look()

        return decode_there(*file, before_pixels=told, **how)

    monkeypatch.setattr(decoders, "decode", watched)
    decode_frame("the first")
    decode_frame("another")  # the others are decoded


def test_pixels_are_counted_before_they_are_decoded(decoding: Decoding) -> None:
    class TooManyError(Exception):
        pass

    def refuse(size: Size, pages: int, is_large: bool) -> None:
        raise TooManyError(size)

    with pytest.raises(TooManyError, match="3000, 3000"), one(decoding, before_pixels=refuse) as decode:
        decode(LARGE[:-1000], whole, LIMITS)


def test_a_picture_is_known_to_need_much_memory_before_its_pixels_are_decoded(decoding: Decoding) -> None:
    told: list[tuple[Size, int, bool]] = []
    for file in (SMALL, LARGE):
        with one(decoding, before_pixels=lambda *how: told.append(how)) as decode:
            decode(file, whole, LIMITS)
    with one(decoding, kept_bytes=INCLUDED_BYTES, before_pixels=lambda *how: told.append(how)) as decode:
        decode(LARGE, whole, LIMITS)
    assert told == [((64, 48), 1, False), ((3000, 3000), 1, True), ((3000, 3000), 1, True)]
