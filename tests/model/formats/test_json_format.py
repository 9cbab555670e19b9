"""The segments list of the HTTP contract."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from hard_segments import HARD, full_frames
from PIL import Image
from pycocotools import mask as coco_mask

from model.formats.json import MaskFormat, segments_to_json
from model.results.segments import Segments

# pycocotools decodes in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def test_each_segment_has_the_fields_of_the_contract(segments: Segments, class_names: list[str]) -> None:
    first, second = segments_to_json(segments, class_names)

    mask = first.pop("mask")
    assert first == {
        "id": 1,
        "class": "traffic light",
        "class_id": 2,
        "score": 0.9876,
        "box": [0, 0, 4, 3],
        "area": 12,
    }
    assert second["id"] == 2
    assert second["box"] == [2, 1, 8, 7]  # x, y, width, height
    frame = np.zeros((8, 10), np.uint8)
    frame[:3, :4] = 1
    assert mask["size"] == [8, 10]  # height, width
    assert (coco_mask.decode(mask) == frame).all()


@pytest.mark.parametrize("mask_format", ["rle", "polygon", "png", "none"])
def test_any_json_encoder_takes_it(
    segments: Segments, class_names: list[str], mask_format: MaskFormat
) -> None:
    encoded = segments_to_json(segments, class_names, mask_format=mask_format)

    assert json.loads(json.dumps(encoded)) == encoded
    assert type(encoded[0]["score"]) is float
    assert type(encoded[0]["class_id"]) is int


def test_masks_can_be_left_out(segments: Segments, class_names: list[str]) -> None:
    assert all(
        "mask" not in segment for segment in segments_to_json(segments, class_names, mask_format="none")
    )


def test_no_segments_give_an_empty_list(class_names: list[str]) -> None:
    assert segments_to_json(Segments.none((10, 8)), class_names) == []


@pytest.mark.parametrize("segments", HARD.values(), ids=HARD)
def test_pycocotools_reads_rle_back_as_the_same_masks(segments: Segments, class_names: list[str]) -> None:
    encoded = segments_to_json(segments, class_names, mask_format="rle")

    for segment, frame in zip(encoded, full_frames(segments), strict=True):
        assert (coco_mask.decode(segment["mask"]) == frame).all()
        assert segment["area"] == coco_mask.area(segment["mask"])


@pytest.mark.parametrize("segments", HARD.values(), ids=HARD)
def test_polygons_filled_even_odd_are_the_same_masks(segments: Segments, class_names: list[str]) -> None:
    encoded = segments_to_json(segments, class_names, mask_format="polygon")

    for segment, frame in zip(encoded, full_frames(segments), strict=True):
        filled = np.zeros_like(frame)
        for ring in segment["mask"]:  # one by one: pycocotools itself would unite them, and fill the holes
            filled ^= coco_mask.decode(coco_mask.merge(coco_mask.frPyObjects([ring], *frame.shape)))
        assert (filled == frame).all()


@pytest.mark.parametrize("segments", HARD.values(), ids=HARD)
def test_png_masks_are_the_boxes_with_white_objects(segments: Segments, class_names: list[str]) -> None:
    encoded = segments_to_json(segments, class_names, mask_format="png")

    for segment, mask in zip(encoded, segments.masks, strict=True):
        image = Image.open(io.BytesIO(base64.b64decode(segment["mask"], validate=True)))
        assert image.format == "PNG"
        assert image.mode == "1"
        assert list(image.size) == segment["box"][2:]
        assert (np.asarray(image.convert("L")) == mask * 255).all()


def test_polygons_are_rings_of_whole_numbers_in_the_whole_image(
    segments: Segments, class_names: list[str]
) -> None:
    _, second = segments_to_json(segments, class_names, mask_format="polygon")

    assert second["mask"] == [[2, 1, 10, 1, 10, 8, 2, 8]]
    assert {type(coordinate) for coordinate in second["mask"][0]} == {int}
