"""GeoJSON, by the rules of RFC 7946 and of QuPath's reader."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hard_segments import HARD, filled, full_frames

from model.formats.geojson import segments_to_geojson
from model.results.segments import Segments


def signed_area(ring: np.ndarray) -> float:
    """As with y upwards: positive where the ring runs against the clock."""
    x, y = ring.T
    return float(x[:-1] @ y[1:] - x[1:] @ y[:-1]) / 2


def polygons_of(geometry: dict) -> list[list[np.ndarray]]:
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return [[np.array(ring) for ring in polygon] for polygon in polygons]


def test_a_feature_has_what_qupath_reads(segments: Segments, class_names: list[str]) -> None:
    collection = segments_to_geojson(segments, class_names)

    assert json.loads(json.dumps(collection)) == collection
    assert collection["type"] == "FeatureCollection"
    first, second = collection["features"]
    assert first == {
        "type": "Feature",
        "id": 1,
        "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [4, 0], [4, 3], [0, 3], [0, 0]]]},
        "properties": {
            "objectType": "detection",
            "name": "0001-traffic-light",
            "classification": {"name": "traffic light", "color": [230, 159, 0]},
            "measurements": {"Score": 0.9876, "Area px^2": 12},
        },
    }
    assert second["properties"]["classification"] == {"name": "cell", "color": [86, 180, 233]}


@pytest.mark.parametrize("segments", HARD.values(), ids=HARD)
def test_the_polygons_are_valid_and_enclose_the_very_masks(
    segments: Segments, class_names: list[str]
) -> None:
    features = segments_to_geojson(segments, class_names)["features"]

    frames = [(index, frame) for index, frame in enumerate(full_frames(segments)) if frame.any()]
    for feature, (index, frame) in zip(features, frames, strict=True):
        assert feature["id"] == index + 1
        polygons = polygons_of(feature["geometry"])
        assert (feature["geometry"]["type"] == "Polygon") == (len(polygons) == 1)
        area = 0.0
        for outer, *holes in polygons:
            for ring in (outer, *holes):
                assert (ring[0] == ring[-1]).all() and len(ring) >= 5
                assert len(np.unique(ring[:-1], axis=0)) == len(ring) - 1  # comes to no place twice
            assert signed_area(outer) > 0
            assert all(signed_area(hole) < 0 for hole in holes)
            if holes:
                assert not (filled(holes, frame.shape) & ~filled([outer], frame.shape)).any()
            area += sum(signed_area(ring) for ring in (outer, *holes))
        assert area == feature["properties"]["measurements"]["Area px^2"] == frame.sum()
        rings = [ring[:-1] for polygon in polygons for ring in polygon]
        assert (filled(rings, frame.shape) == frame).all()


@pytest.mark.parametrize(
    ("name", "polygons"),
    [
        ("hole", [2]),  # the rings of each polygon
        ("two parts", [1, 1]),
        ("diagonal", [1, 1, 1, 1]),
        ("two halves", [1, 1]),
        ("island in a hole", [2, 1]),
    ],
)
def test_holes_go_with_their_part(name: str, polygons: list[int], class_names: list[str]) -> None:
    (feature,) = segments_to_geojson(HARD[name], class_names)["features"]

    assert [len(rings) for rings in polygons_of(feature["geometry"])] == polygons


def test_a_class_name_has_no_line_break_which_qupath_would_refuse(segments: Segments) -> None:
    first, _ = segments_to_geojson(segments, ["background", "cell", " traffic\r\nlight"])["features"]

    assert first["properties"]["classification"]["name"] == "traffic light"
