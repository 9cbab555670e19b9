"""One RGBA picture a segment."""

from __future__ import annotations

import io
import time
import zipfile

import numpy as np
import pytest
from hard_segments import HARD, placed
from PIL import Image

from model.formats.cutouts import segments_to_cutouts, segments_to_zip
from model.formats.encode import CannotEncode
from model.results.segments import Segments


def one_segment(mask: np.ndarray) -> Segments:
    height, width = mask.shape
    box = np.array([[1, 2, 1 + width, 2 + height]], np.int32)
    return Segments((10, 8), box, np.array([1], np.int32), np.array([0.9], np.float32), [mask])


def test_a_cutout_shows_the_object_and_nothing_of_its_surroundings() -> None:
    image = np.random.default_rng(0).integers(1, 256, (8, 10, 3), np.uint8)
    mask = np.array([[1, 0, 1], [0, 1, 1]], np.uint8)

    [(_, cutout)] = segments_to_cutouts(image, one_segment(mask), ["background", "cell"])

    assert cutout.dtype == np.uint8
    assert cutout.shape == (2, 3, 4)
    assert (cutout[:, :, 3] == mask * 255).all()
    assert (cutout[:, :, :3] == image[2:4, 1:4] * mask[:, :, np.newaxis]).all()


def test_names_count_from_1_in_score_order(segments: Segments, class_names: list[str]) -> None:
    names = [name for name, _ in segments_to_cutouts(np.zeros((8, 10, 3), np.uint8), segments, class_names)]

    assert names == ["0001-traffic-light.png", "0002-cell.png"]


@pytest.mark.parametrize(
    ("class_name", "expected"),
    [
        ("nucleus", "0001-nucleus.png"),
        ("../../etc/passwd", "0001-etc-passwd.png"),  # leaves the folder
        ("a\\b:c*d", "0001-a-b-c-d.png"),  # what Windows refuses
        ("line\nbreak\0", "0001-line-break.png"),
        ("", "0001-object.png"),
        ("...", "0001-object.png"),
        ("Zürich", "0001-Zürich.png"),
        ("a\U00020000b", "0001-a-b.png"),  # two units in UTF-16
        ("x" * 500, f"0001-{'x' * 60}.png"),
    ],
)
def test_class_names_are_made_safe_for_file_names(class_name: str, expected: str) -> None:
    segments = one_segment(np.ones((1, 1), np.uint8))

    [(name, _)] = segments_to_cutouts(np.zeros((8, 10, 3), np.uint8), segments, ["background", class_name])

    assert name == expected


@pytest.mark.parametrize("segments", HARD.values(), ids=HARD)
def test_the_zip_file_holds_every_cutout_and_nothing_else(segments: Segments, class_names: list[str]) -> None:
    width, height = segments.size
    image = np.random.default_rng(0).integers(1, 256, (height, width, 3), np.uint8)

    with zipfile.ZipFile(io.BytesIO(segments_to_zip(image, segments, class_names))) as archive:
        assert archive.testzip() is None
        cutouts = list(segments_to_cutouts(image, segments, class_names))
        assert archive.namelist() == [name for name, _ in cutouts]
        for name, cutout in cutouts:
            assert (np.asarray(Image.open(io.BytesIO(archive.read(name)))) == cutout).all()


def test_the_zip_file_is_the_same_at_any_hour(
    segments: Segments, class_names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    image = np.zeros((8, 10, 3), np.uint8)
    now = segments_to_zip(image, segments, class_names)

    monkeypatch.setattr(time, "time", lambda: 2e9)

    assert segments_to_zip(image, segments, class_names) == now


def test_the_zip_file_keeps_names_that_are_not_latin(segments: Segments) -> None:
    packed = segments_to_zip(np.zeros((8, 10, 3), np.uint8), segments, ["background", "细胞核", "Zürich"])

    assert zipfile.ZipFile(io.BytesIO(packed)).namelist() == ["0001-Zürich.png", "0002-细胞核.png"]


def test_a_zip_file_that_would_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.formats.archive._MAX_ZIP_BYTES", 2 * 2**20)
    image = np.random.default_rng(0).integers(0, 256, (500, 500, 3), np.uint8)
    segments = placed((500, 500), *[(0, 0, np.ones((500, 500), np.uint8))] * 4)

    with pytest.raises(CannotEncode, match="exceeds 2 MiB: request fewer segments"):
        segments_to_zip(image, segments, ["background", "cell"])
