"""The 16-bit label map."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hard_segments import HARD, full_frames
from PIL import Image

from model.formats.encode import encode_png
from model.formats.label_map import segments_to_label_map
from model.results.masks import from_label_map
from model.results.segments import Segments


def test_segments_are_numbered_by_score_and_the_better_one_wins_where_two_overlap(
    segments: Segments,
) -> None:
    labels = segments_to_label_map(segments)

    assert labels.dtype == np.uint16
    assert labels.shape == (8, 10)
    assert labels[0, 4] == 0  # in neither
    assert (labels[:3, :4] == 1).all()
    assert labels[3, 3] == 2
    assert np.count_nonzero(labels == 2) == 7 * 8 - 4


def test_a_label_map_read_back_gives_the_same_segments() -> None:
    boxes = np.array([[1, 1, 4, 4], [5, 0, 9, 3]], np.int32)
    masks = [np.eye(3, dtype=np.uint8), np.ones((3, 4), np.uint8)]
    ids, scores = np.array([1, 1], np.int32), np.array([0.9, 0.8], np.float32)

    read_boxes, read_masks = from_label_map(
        segments_to_label_map(Segments((10, 8), boxes, ids, scores, masks))
    )

    assert read_boxes.tolist() == boxes.tolist()
    assert [mask.tolist() for mask in read_masks] == [mask.tolist() for mask in masks]


def test_no_segments_give_a_black_map() -> None:
    labels = segments_to_label_map(Segments.none((10, 8)))

    assert labels.shape == (8, 10)
    assert not labels.any()


@pytest.mark.parametrize("segments", HARD.values(), ids=HARD)
def test_read_from_its_png_each_pixel_is_the_best_segment_that_covers_it(segments: Segments) -> None:
    width, height = segments.size
    expected = np.zeros((height, width), np.uint16)
    for number, frame in enumerate(full_frames(segments), start=1):
        expected[(expected == 0) & (frame == 1)] = number

    read = np.asarray(Image.open(io.BytesIO(encode_png(segments_to_label_map(segments)))))

    assert read.dtype == np.uint16
    assert (read == expected).all()


def test_a_thousand_segments_keep_their_numbers() -> None:
    numbers = np.unique(segments_to_label_map(HARD["thousand"]))

    assert numbers.max() > 900  # more than eight bits hold
    assert len(numbers) > 500  # what is hidden altogether has no pixel
