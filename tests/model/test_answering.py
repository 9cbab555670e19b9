"""The one way from an image file to what was found in it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pytest

from model.answering import find, wishes_for
from model.answers.choosing import Candidate
from model.families.family import Size
from model.formats.encode import CannotEncode, encode_png
from model.formats.registry import FORMATS, Options
from model.pictures import Decoded, NotAPicture, decode_reduced
from model.results.result import Wishes
from model.segmenter import Segmenter

Noise = Callable[..., npt.NDArray[np.uint8]]


def test_a_finding_has_the_picture_what_was_found_and_by_whom(
    tiny_segmenter: Segmenter, noise: Noise
) -> None:
    picture = noise(128, 96)

    finding = find(
        encode_png(picture), [Candidate(tiny_segmenter, Wishes(threshold=0.5))], shows_picture=True
    )

    expected = tiny_segmenter.segment(picture, threshold=0.5)
    assert (finding.image == picture).all()
    assert finding.segments.boxes.tolist() == expected.boxes.tolist()
    assert (finding.manifest.name, finding.engine, finding.precision) == ("tiny", "tensorflow", "f32")
    assert {"decode", "infer", "masks"} <= set(finding.stopwatch.milliseconds)


def test_what_the_caller_holds_is_held_for_decoding_and_for_inference_in_turn(
    tiny_segmenter: Segmenter, noise: Noise
) -> None:
    told: list[str] = []

    @contextlib.contextmanager
    def held(name: str) -> Iterator[None]:
        told.append(f"{name} begins")
        yield
        told.append(f"{name} ends")

    def decode_elsewhere(*asked: Any, **how: Any) -> Decoded:
        told.append("decoding")
        return decode_reduced(*asked, **how)

    find(
        encode_png(noise(64, 64)),
        [Candidate(tiny_segmenter, Wishes())],
        shows_picture=False,
        decode=decode_elsewhere,
        lane=lambda size: held(f"lane for {size}"),
        turn=lambda: held("turn"),
    )

    assert told == [
        "decoding",
        "lane for (64, 64) begins",
        "turn begins",
        "turn ends",
        "lane for (64, 64) ends",
    ]


def test_what_can_be_no_answer_is_refused_before_the_turn(tiny_segmenter: Segmenter) -> None:
    def lane(size: Size) -> NoReturn:
        pytest.fail("the model's turn has come")

    candidates = [Candidate(tiny_segmenter, Wishes())]
    long = encode_png(np.zeros((1, 65_501, 3), np.uint8))
    with pytest.raises(CannotEncode, match="65501 x 1 pixels is too large for JPEG"):
        find(long, candidates, shows_picture=True, picture_format="jpeg", lane=lane)
    with pytest.raises(NotAPicture):
        find(b"text", candidates, shows_picture=True, lane=lane)


def test_what_is_not_asked_for_is_left_to_the_model(tiny_segmenter: Segmenter) -> None:
    assert wishes_for(tiny_segmenter.bundle.manifest, FORMATS["json"]) == Wishes()


@pytest.mark.parametrize(
    ("name", "image_format", "expected"),
    [
        ("overlay", "webp", "webp"),
        ("labelmap", "webp", "png"),
        ("probability", "jpeg", "png"),
        ("json", "png", None),
        ("cutouts", "png", None),
    ],
)
def test_which_formats_are_pictures_and_of_which_kind(
    name: str, image_format: str, expected: str | None
) -> None:
    assert FORMATS[name].picture_format(Options(image_format=image_format)) == expected
