"""What the command line writes of a semantic model."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from networks import FunctionRunner, brightness, manifest, own_channels, patches

from model.__main__ import main
from model.commands import segment
from model.formats.encode import encode_png
from model.formats.registry import formats_for
from model.segmenter import Segmenter
from model.storage.manifest import Bundle, Manifest

Serve = Callable[..., None]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Serve:
    """Makes the command load a model of a network that is a function."""

    def load(network: Callable, model: Manifest) -> None:
        segmenter = Segmenter(Bundle(tmp_path, model), FunctionRunner(network))
        monkeypatch.setattr(segment, "load", lambda *names, **way: segmenter)

    return load


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """Two white squares of 20 x 20 and 4 x 4 pixels on black."""
    path = tmp_path / "squares.png"
    path.write_bytes(encode_png(patches((80, 60), (10, 20, 30, 40), (60, 10, 64, 14))))
    return path


def run(picture: Path, *words: str) -> Path:
    """The folder that the command has written to."""
    out = picture.parent / "out"
    assert main(["segment", str(picture), "--model", "toy", "--out", str(out), *words]) == 0
    return out


def test_every_format_is_written_of_a_semantic_model(serve: Serve, picture: Path) -> None:
    serve(brightness, manifest({}))

    for one in formats_for("semantic"):
        out = run(picture, "--format", one.name)
        written = out / f"squares{one.ending}"
        assert any(written.iterdir()) if one.files else written.stat().st_size


def test_the_label_map_has_class_ids(serve: Serve, picture: Path) -> None:
    serve(own_channels, manifest({"gives": "classes"}, ("red", "green", "blue")))
    picture.write_bytes(encode_png(np.full((60, 80, 3), (0, 0, 255), np.uint8)))

    out = run(picture, "--format", "labelmap", "--split", "parts")

    labels = cv2.imread(str(out / "squares.png"), cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint16 and (labels == 3).all()


def test_the_probability_is_that_of_the_class_named(serve: Serve, picture: Path) -> None:
    serve(own_channels, manifest({"gives": "labels"}, ("red", "green", "blue")))
    picture.write_bytes(encode_png(np.full((60, 80, 3), (10, 200, 30), np.uint8)))

    out = run(picture, "--format", "probability", "--class", "green")

    probability = cv2.imread(str(out / "squares-probability.png"), cv2.IMREAD_UNCHANGED)
    assert probability.dtype == np.uint8 and (probability == 200).all()


@pytest.mark.parametrize(
    ("words", "areas"),
    [
        ((), [416]),
        (("--split", "parts"), [16, 400]),
        (("--split", "parts", "--min-area", "17"), [400]),
    ],
)
def test_segments_are_classes_or_parts_of_a_least_area(
    serve: Serve, picture: Path, words: tuple[str, ...], areas: list[int]
) -> None:
    serve(brightness, manifest({}))

    out = run(picture, "--format", "csv", *words)

    rows = list(csv.DictReader((out / "squares.csv").read_text().splitlines()))
    assert sorted(int(row["area"]) for row in rows) == areas
