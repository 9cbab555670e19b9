"""A picture weighs what it costs the network, where that is more than its pixels tell."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, cast

import pytest

from model import catalog
from model.answering import weight_of
from model.answers.choosing import Candidate
from model.families.family import Size
from model.results.result import Wishes
from model.segmenter import Segmenter


def candidate(name: str) -> Candidate:
    """A model of the project, of which nothing is loaded."""
    return Candidate(
        Segmenter(
            catalog.find(name), cast(Any, SimpleNamespace(name="none", precision="f32", few_shapes=True))
        ),
        Wishes(),
    )


@pytest.fixture(scope="module")
def nuclei() -> Candidate:
    return candidate("nuclei")


@pytest.fixture(scope="module")
def people() -> Candidate:
    return candidate("people")


@pytest.mark.parametrize(
    "size",
    [
        (512, 512),
        (500, 2000),
        (1000, 1000),
        (1360, 1024),
        (2000, 2000),
        (4000, 3000),
        (7000, 7000),
    ],
)
def test_an_ordinary_picture_weighs_its_pixels(nuclei: Candidate, people: Candidate, size: Size) -> None:
    assert weight_of(size, [nuclei]) == weight_of(size, [people]) == math.prod(size)


@pytest.mark.parametrize("size", [(10, 99_999), (99_999, 10), (40, 20_000), (1, 1_000_000)])
def test_a_thin_picture_weighs_what_its_tiles_do(nuclei: Candidate, people: Candidate, size: Size) -> None:
    assert weight_of(size, [nuclei]) > 2.5 * math.prod(size)
    assert weight_of(size, [people]) == math.prod(size)  # its network sees 256 x 256 pixels of any picture
    assert weight_of(size, [people, nuclei]) == weight_of(size, [nuclei])
