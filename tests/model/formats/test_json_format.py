"""The segments list of the HTTP contract."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from model.formats.json import segments_to_json
from model.segments import Segments

# pycocotools decodes in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_each_segment_has_the_fields_of_the_contract(segments: Segments, class_names: list[str]) -> None:
    first, second = segments_to_json(segments, class_names)

    mask = first.pop("mask")
    assert first == {
        "id": 1,
        "class": "traffic light",
        "class_id": 2,
        "score": 0.9877,
        "box": [0, 0, 4, 3],
        "area": 12,
    }
    assert second["id"] == 2
    assert second["box"] == [2, 1, 8, 7]  # x, y, width, height
    frame = np.zeros((8, 10), np.uint8)
    frame[:3, :4] = 1
    assert mask["size"] == [8, 10]  # height, width
    assert (coco_mask.decode(mask) == frame).all()


def test_any_json_encoder_takes_it(segments: Segments, class_names: list[str]) -> None:
    encoded = segments_to_json(segments, class_names)

    assert json.loads(json.dumps(encoded)) == encoded
    assert type(encoded[0]["score"]) is float
    assert type(encoded[0]["class_id"]) is int


def test_masks_can_be_left_out(segments: Segments, class_names: list[str]) -> None:
    assert all(
        "mask" not in segment for segment in segments_to_json(segments, class_names, mask_format="none")
    )


def test_no_segments_give_an_empty_list(class_names: list[str]) -> None:
    assert segments_to_json(Segments.none((10, 8)), class_names) == []
