"""One RGBA picture a segment."""

from __future__ import annotations

import numpy as np
import pytest

from model.formats.cutouts import segments_to_cutouts
from model.segments import Segments


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
        ("x" * 500, f"0001-{'x' * 60}.png"),
    ],
)
def test_class_names_are_made_safe_for_file_names(class_name: str, expected: str) -> None:
    segments = one_segment(np.ones((1, 1), np.uint8))

    [(name, _)] = segments_to_cutouts(np.zeros((8, 10, 3), np.uint8), segments, ["background", class_name])

    assert name == expected
