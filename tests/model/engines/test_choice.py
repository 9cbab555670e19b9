"""A model runs in the fastest way that is close enough, or in the one that was asked for."""

from __future__ import annotations

import pytest

from model.engines.choice import Choice, ChoiceError, choices

OLD, NEW = {"f32", "int8"}, {"f32", "bf16", "int8"}
EXPORTED = {"f32": True, "int8": True}


@pytest.mark.parametrize(
    ("passed", "able", "expected"),
    [
        ({}, NEW, ["tensorflow f32"]),  # never exported
        ({"f32": True}, OLD, ["openvino f32"]),
        ({"f32": True}, NEW, ["openvino bf16", "openvino f32"]),
        (EXPORTED, OLD, ["openvino int8", "openvino f32"]),
        (EXPORTED, NEW, ["openvino int8", "openvino bf16", "openvino f32"]),
        ({"f32": True, "int8": False}, NEW, ["openvino bf16", "openvino f32"]),  # int8 harms this one
        ({"f32": True, "bf16": False, "int8": True}, NEW, ["openvino int8", "openvino f32"]),
    ],
)
def test_unasked_the_fastest_that_passed_comes_first(
    passed: dict[str, bool], able: set[str], expected: list[str]
) -> None:
    ways = choices("coco", passed, able)
    assert [f"{way.engine} {way.precision}" for way in ways] == expected


@pytest.mark.parametrize(
    ("engine", "precision", "expected"),
    [
        ("tensorflow", None, Choice("tensorflow", "f32")),
        ("tensorflow", "f32", Choice("tensorflow", "f32")),
        ("openvino", None, Choice("openvino", "bf16")),
        (None, "f32", Choice("openvino", "f32")),
        (None, "int8", Choice("openvino", "int8")),  # did not pass, but is asked for
        ("openvino", "bf16", Choice("openvino", "bf16")),
    ],
)
def test_asked_for_it_is_the_only_way(engine: str | None, precision: str | None, expected: Choice) -> None:
    ways = choices("coco", {"f32": True, "int8": False}, NEW, engine, precision)
    assert ways[0] == expected
    assert precision is None or ways == [expected]


def test_f32_without_compiled_stages_is_tensorflow() -> None:
    assert choices("coco", {}, NEW, precision="f32") == [Choice("tensorflow", "f32")]


@pytest.mark.parametrize(
    ("passed", "able", "engine", "precision", "told"),
    [
        (EXPORTED, NEW, "onnx", None, "openvino, tensorflow"),
        (EXPORTED, NEW, None, "fp16", "f32, bf16, int8"),
        (EXPORTED, NEW, "tensorflow", "int8", "use openvino"),
        (EXPORTED, OLD, None, "bf16", "does not support bf16; choose one of: f32, int8"),
        ({"f32": True}, NEW, None, "int8", "export coco --precision int8 --calibration"),
        ({}, NEW, "openvino", None, "export coco"),
        ({}, NEW, "openvino", "f32", "export coco"),
        ({}, NEW, None, "bf16", "export coco"),
        (
            {"f32": False},
            OLD,
            "openvino",
            None,
            "--precision f32",
        ),  # compiled, but not close to the reference
    ],
)
def test_what_cannot_be_had_says_what_to_do(
    passed: dict[str, bool], able: set[str], engine: str | None, precision: str | None, told: str
) -> None:
    with pytest.raises(ChoiceError, match=told):
        choices("coco", passed, able, engine, precision)
