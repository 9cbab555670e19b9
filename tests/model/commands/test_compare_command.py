"""`python -m model compare` says in a sentence which of two evaluations is better, or refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.__main__ import main

HASH_A, HASH_B = "a" * 64, "b" * 64


def figures(values: list[float | None], **changed: Any) -> dict[str, Any]:
    """What `evaluate --json` writes of objects, as far as it is compared."""
    images = [
        {"id": f"{index}", "kind": None, "AP50": value, "AP75": value / 2 if value is not None else None}
        for index, value in enumerate(values)
    ]
    return {
        "model": "cells",
        "version": "1",
        "task": "instance",
        "data": "val",
        "data_sha256": HASH_A,
        "compared": ["cell"],
        "threshold": 0.5,
        "per_image": images,
        **changed,
    }


def pixels(values: list[tuple[float | None, float | None]], **changed: Any) -> dict[str, Any]:
    """The same of pixels, with the IoU of two classes."""
    images = [
        {"id": f"{index}", "IoU": cat, "Dice": cat, "classes": {"cat": {"IoU": cat}, "dog": {"IoU": dog}}}
        for index, (cat, dog) in enumerate(values)
    ]
    return figures([], task="semantic", compared=["cat", "dog"], per_image=images, **changed)


def answers(right: list[bool]) -> dict[str, Any]:
    """The same of classified pictures."""
    images = [{"id": f"{i}", "right": one, "probability": 0.9 if one else 0.1} for i, one in enumerate(right)]
    return figures([], task="classify", per_image=images)


@pytest.fixture
def compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command on two evaluations; returns its status and what it said."""
    monkeypatch.chdir(tmp_path)

    def run(a: dict[str, Any], b: dict[str, Any], *words: str) -> tuple[int, str]:
        for name, one in (("A", a), ("B", b)):
            (tmp_path / f"{name}.json").write_text(json.dumps(one))
        status = main(["compare", "A.json", "B.json", *words])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


RNG = np.random.default_rng(3)
BASE = RNG.uniform(0.5, 0.9, 60)
NOISE = RNG.normal(0, 0.05, 60)


@pytest.mark.parametrize(
    ("shift", "status", "told"),
    [
        (0.05, 0, "B is better than A, by more than chance: AP50 of B is higher by 0.0"),
        (-0.05, 3, "A is better than B, by more than chance: AP50 of A is higher by 0.0"),
        (0.002, 3, "No difference beyond chance: AP50 of "),
    ],
)
def test_it_says_which_is_better_and_a_pipeline_can_require_it(
    compare: Any, shift: float, status: int, told: str
) -> None:
    a, b = figures(BASE.tolist()), figures((BASE + NOISE - NOISE.mean() + shift).tolist(), version="2")

    assert compare(a, b)[0] == 0
    found, said = compare(a, b, "--require-better")

    assert found == status
    assert told in said
    assert "on 60 pictures" in said
    assert ("pictures would show it" in said) == (shift == 0.002)


def test_pictures_are_paired_by_id_in_any_order(compare: Any) -> None:
    a, b = figures(BASE.tolist()), figures(BASE.tolist())
    b["per_image"].reverse()

    assert "No difference: AP50 is " in compare(a, b)[1]


def test_another_figure_may_decide(compare: Any) -> None:
    said = compare(figures(BASE.tolist()), figures((BASE + 0.01).tolist()), "--figure", "AP75")[1]

    assert "AP75 of B is higher by 0.0050" in said
    assert "use one of AP50, AP75" in compare(figures([1]), figures([1]), "--figure", "mAP")[1]


def test_right_and_wrong_answers_get_mcnemars_test(compare: Any) -> None:
    a, b = answers([True] * 40 + [False] * 12), answers([True] * 39 + [False] + [True] * 10 + [False] * 2)

    said = compare(a, b)[1]

    assert "B is better than A, by more than chance: accuracy of B is higher by 0.1731" in said
    assert "10 right in B alone, 1 in A alone, McNemar's exact test p = 0.0117" in said


def test_classes_of_pixels_are_shown_singly_and_nothing_answered_where_nothing_is_is_right(
    compare: Any,
) -> None:
    a = pixels([(0.5, None), (0.7, 0.2), (None, None)] * 4)
    b = pixels([(0.5, 0.0), (0.7, 0.2), (None, None)] * 4)

    said = compare(a, b)[1]

    (dog,) = [line.split("|") for line in said.splitlines() if "| IoU dog" in line]
    assert [cell.strip() for cell in dog[2:5]] == ["8", "0.600", "0.100"]
    assert "No difference: IoU is 0.600 for both, on 8 pictures." in said


def test_few_pictures_prove_nothing(compare: Any) -> None:
    assert "Too few pictures to tell" in compare(figures([0.1] * 3), figures([0.9] * 3))[1]
    assert compare(figures([0.1] * 3), figures([0.9] * 3), "--require-better")[0] == 3


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"data_sha256": HASH_B}, "A.json was measured on val (sha256 aaaaaaaaaaaa…), B.json on val (bbbb"),
        ({"task": "semantic"}, "A.json has the task instance, B.json semantic: compare models of one task"),
        (
            {"compared": ["cell", "spot"]},
            "A.json compares the classes cell, B.json cell, spot: evaluate both",
        ),
        (
            {"per_image": [{"id": "0", "AP50": 1.0}, {"id": "x", "AP50": 1.0}]},
            "they are not the same: 1 only in A.json and x only in B.json. Evaluate both models on the same",
        ),
        ({"per_image": None}, "B.json has no figures by image (per_image): write it with python -m model"),
    ],
)
def test_what_cannot_be_compared_is_refused(compare: Any, changed: dict[str, Any], told: str) -> None:
    status, said = compare(figures([1, 1]), figures([1, 1], **changed))

    assert status == 1
    assert told in said


def test_a_file_that_is_none_is_named(compare: Any, tmp_path: Path) -> None:
    compare(figures([1]), figures([1]))
    (tmp_path / "B.json").write_text("{")

    assert main(["compare", str(tmp_path / "A.json"), str(tmp_path / "B.json")]) == 1
    assert main(["compare", str(tmp_path / "A.json"), str(tmp_path / "C.json")]) == 1


def test_it_says_if_a_threshold_was_chosen_on_these_pictures_or_the_data_are_not_sure(compare: Any) -> None:
    old = figures([0.5] * 8)
    del old["data_sha256"], old["compared"], old["task"]
    old["coco"] = {}

    said = compare(old, figures([0.5] * 8, threshold_chosen_on=HASH_A))[1]

    assert "checked by the pictures' names alone" in said
    assert "The threshold of B was chosen on these very pictures, which flatters it." in said
