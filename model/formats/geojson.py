"""GeoJSON for QuPath 0.4 and later: a detection for each segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from model.formats.archive import segment_name
from model.formats.overlay import PALETTE, Colour
from model.measures import Measures, heading
from model.results.polygons import Integers, to_parts
from model.results.segments import Segments


def palette_colour(class_id: int) -> Colour:
    """The palette's colour for a class, (red, green, blue); colours repeat."""
    return PALETTE[(class_id - 1) % len(PALETTE)]


def segments_to_geojson(
    segments: Segments,
    class_names: Sequence[str],
    *,
    colour_of: Callable[[int], Colour] = palette_colour,
    measures: Measures | None = None,
) -> dict[str, Any]:
    """A FeatureCollection of plain Python values, a feature for each segment, best score first.

    Args:
        segments: the model's answer.
        class_names: the model's class names by class id; entry 0 is the background.
        colour_of: the colour in which QuPath shows a class, by class id.
        measures: those of the segments, which become measurements. Those that are not defined are left out,
            because QuPath reads numbers only.

    Returns:
        RFC 7946, except that coordinates are pixels instead of degrees, with (0, 0) the upper left corner of
        the image. A segment is a Polygon, or a MultiPolygon if it has several parts, with holes, along the
        edges of pixels. Its name is like "0001-nucleus"; score and area are measurements; the property
        "edited" is true if a person has edited it, and absent otherwise. A mask without
        pixels is left out, because QuPath rejects objects without a geometry.
    """
    areas = segments.areas().tolist()
    scores = segments.written_scores()
    edited = segments.are_edited()
    ids = segments.ids()
    features: list[dict[str, Any]] = []
    for index, mask in enumerate(segments.masks):
        parts = to_parts(mask, segments.boxes[index])
        if not parts:
            continue
        class_id = int(segments.class_ids[index])
        features.append(
            {
                "type": "Feature",
                "id": ids[index],
                "geometry": _geometry(parts),
                "properties": {
                    "objectType": "detection",
                    "name": segment_name(ids[index], class_names[class_id]),
                    "classification": {
                        "name": " ".join(class_names[class_id].split()),  # QuPath rejects line breaks
                        "color": list(colour_of(class_id)),
                    },
                    # QuPath's names, so that measuring in QuPath does not add a second area.
                    "measurements": {
                        "Score": scores[index],
                        "Area px^2": areas[index],
                        **_measurements(measures, index),
                    },
                    **({"edited": True} if edited[index] else {}),
                },
            }
        )
    return {"type": "FeatureCollection", "features": features}


def _measurements(measures: Measures | None, index: int) -> dict[str, float]:
    if measures is None:
        return {}
    return {
        heading(name, measures.pixel_size): value
        for name, value in measures.values[index].items()
        if value is not None
    }


def _geometry(parts: Sequence[Sequence[Integers]]) -> dict[str, Any]:
    # On the screen, outer rings run clockwise. With y upwards that is counterclockwise, as RFC 7946 requires.
    polygons = [[_closed(ring) for ring in rings] for rings in parts]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def _closed(ring: Integers) -> list[list[int]]:
    vertices: list[list[int]] = ring.tolist()
    return [*vertices, vertices[0]]
