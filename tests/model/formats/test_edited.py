"""Segments that a person has edited: marked in every format that can say so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from model.formats.coco import segments_to_coco
from model.formats.geojson import segments_to_geojson
from model.formats.json import segments_to_json
from model.formats.table import segments_to_csv
from model.results.segments import Segments


@pytest.fixture
def edited(segments: Segments) -> Segments:
    """The second of the two has been edited."""
    return replace(segments, edited=np.array([False, True]))


def test_json_coco_and_geojson_mark_them(edited: Segments, class_names: list[str]) -> None:
    assert [one.get("edited") for one in segments_to_json(edited, class_names)] == [None, True]
    annotations = segments_to_coco(edited, class_names)["annotations"]
    assert [one.get("attributes") for one in annotations] == [None, {"edited": True}]
    features = segments_to_geojson(edited, class_names)["features"]
    assert [one["properties"].get("edited") for one in features] == [None, True]


@pytest.mark.parametrize("pixel_size", [None, 0.5])
def test_the_table_has_a_last_column_for_them(
    edited: Segments, class_names: list[str], pixel_size: float | None
) -> None:
    rows = segments_to_csv(edited, class_names, pixel_size=pixel_size).decode().splitlines()
    assert [row.rsplit(",", 1)[1] for row in rows] == ["edited", "false", "true"]


def test_where_none_is_edited_nothing_is_said(segments: Segments, class_names: list[str]) -> None:
    unedited = replace(segments, edited=np.array([False, False]))
    for write in (segments_to_json, segments_to_coco, segments_to_geojson, segments_to_csv):
        assert write(unedited, class_names) == write(segments, class_names)


def test_a_selection_keeps_the_marks(edited: Segments) -> None:
    assert edited.select(np.array([1])).are_edited() == [True]


def test_the_marks_must_be_as_many_as_the_segments(segments: Segments) -> None:
    with pytest.raises(ValueError, match=r"edited must have shape \(2,\)"):
        replace(segments, edited=np.array([True]))
