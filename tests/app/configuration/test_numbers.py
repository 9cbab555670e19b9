from __future__ import annotations

import math

import pytest

from app.configuration.numbers import number_in


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("5", 5),
        ("-5", -5),
        ("0.5", 0.5),
        (".5", 0.5),
        ("-.5", -0.5),
        ("5.", 5.0),
        ("1e2", 100.0),
        ("5.e-1", 0.5),
        (".5E+1", 5.0),
        ("1e999", math.inf),  # of a range it is outside
    ],
)
def test_a_number_is_read_as_people_write_it(text: str, number: float) -> None:
    assert number_in(text) == number
    assert type(number_in(text)) is type(number)


NOT_NUMBERS = [
    ".",
    "-",
    "e5",
    "1e",
    "1_0",
    "0_.5",
    "nan",
    "inf",
    "-inf",
    "+5",
    "0,5",
    "0x5",
    "1.2.3",
    "٥",
    "५",
]


@pytest.mark.parametrize("text", [*NOT_NUMBERS, "", " 5", "5 ", "5\n", "5" * 5000])
def test_anything_else_is_no_number(text: str) -> None:
    assert number_in(text) is None
