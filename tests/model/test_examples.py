"""The examples in docstrings of the library hold."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[2] / "model"
WITH_EXAMPLES = sorted(
    ".".join(path.relative_to(MODEL.parent).with_suffix("").parts)
    for path in MODEL.rglob("*.py")
    if "\n    >>> " in path.read_text()
)


def test_what_users_of_the_library_call_has_examples() -> None:
    called = {"segmenter", "results.segments", "results.masks", "results.polygons", "pictures.decoding"}
    assert {f"model.{name}" for name in called} <= set(WITH_EXAMPLES)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_the_examples_of_a_module_hold(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(MODEL.parent)  # they name files of the project

    failed, tried = doctest.testmod(importlib.import_module(name))

    assert tried and not failed
