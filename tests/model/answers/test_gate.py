"""Known pictures as a gate: what a picture is taken for, and how well it suits the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model import catalog
from model.answers.gate import EMPTY, UNFAMILIAR, Gate, doubt, gate_of
from model.pictures import read
from model.storage.manifest import Bundle

SAMPLES = Path(__file__).parents[3] / "app" / "static" / "samples"


@pytest.fixture(scope="module")
def gate() -> Gate:
    manifest = catalog.read_bundle(catalog.SHIPPED / "nuclei").manifest
    found = gate_of(manifest.model_copy(update={"gate": None}))
    assert found is not None
    return found


def test_pictures_like_those_of_the_training_are_accepted_under_the_name_of_their_kind(gate: Gate) -> None:
    for sample, kind in (("fluorescence", "fluorescence"), ("tissue", "stained")):
        verdict = gate.judge(read(SAMPLES / f"{sample}.png"))
        assert (verdict.accepts, verdict.label) == (True, kind)
        assert verdict.score >= 0.5


def test_other_pictures_are_not(gate: Gate) -> None:
    flag = np.zeros((64, 96, 3), np.uint8)
    flag[:, :32], flag[:, 32:64], flag[:, 64:] = (0, 146, 70), (244, 245, 240), (255, 153, 0)
    verdict = gate.judge(flag)
    assert (verdict.accepts, verdict.label) == (False, UNFAMILIAR)
    assert 0 <= verdict.score < 0.5


def test_an_empty_picture_suits_any_model(gate: Gate) -> None:
    verdict = gate.judge(np.full((64, 64, 3), 90, np.uint8))
    assert (verdict.accepts, verdict.label, verdict.score) == (True, EMPTY, 1.0)


def test_a_model_that_was_not_surveyed_has_no_gate(tiny_bundle: Bundle) -> None:
    assert gate_of(tiny_bundle.manifest) is None


def test_a_doubt_names_the_model_and_what_it_was_trained_on() -> None:
    sentence = doubt(catalog.read_bundle(catalog.SHIPPED / "nuclei").manifest)
    assert sentence.startswith("This picture does not look like those that nuclei was trained on (")
