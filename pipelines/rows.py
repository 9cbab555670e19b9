"""Rows: what is written about each picture, as a row of a Parquet file."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from model.answers.finding import Finding
from model.formats.json import segments_to_json
from model.measures import Measures, heading
from model.storage.manifest import Manifest
from pipelines.notes import warnings_about
from pipelines.pictures import Picture

Row = dict[str, Any]

_SEGMENT = pa.struct(
    [
        ("id", pa.int32()),
        ("class", pa.string()),
        ("class_id", pa.int32()),
        ("score", pa.float64()),
        ("box", pa.list_(pa.int32())),
        ("area", pa.int64()),
        ("mask", pa.struct([("size", pa.list_(pa.int32())), ("counts", pa.string())])),
    ]
)

SCHEMA = pa.schema(
    [
        ("uri", pa.string()),
        ("generation", pa.int64()),
        ("size", pa.struct([("width", pa.int32()), ("height", pa.int32())])),
        ("model", pa.string()),
        ("version", pa.string()),
        ("segments", pa.list_(_SEGMENT)),
        ("classification", pa.list_(pa.struct([("class", pa.string()), ("probability", pa.float64())]))),
        ("measures", pa.list_(pa.map_(pa.string(), pa.float64()))),
        ("warnings", pa.list_(pa.struct([("code", pa.string()), ("message", pa.string())]))),
        ("error", pa.struct([("code", pa.string()), ("message", pa.string())])),
    ]
)
"""The columns, which docs/bulk.md explains. A column is null where it does not apply."""


def row_of(picture: Picture, finding: Finding) -> Row:
    """The row about a picture in which the model has looked."""
    width, height = finding.segments.size
    measures, classification = finding.measures, finding.result.classification
    return {
        **_origin(picture, finding.manifest),
        "size": {"width": width, "height": height},
        "segments": segments_to_json(finding.segments, finding.class_names),
        "classification": None if classification is None else _classes(finding),
        "measures": None if measures is None else _measures(measures),
        "warnings": warnings_about(finding),
        "error": None,
    }


def error_row(picture: Picture, manifest: Manifest, code: str, message: str) -> Row:
    """The row about a picture that could not be segmented."""
    empty = dict.fromkeys(SCHEMA.names)
    return empty | _origin(picture, manifest) | {"error": {"code": code, "message": message}}


def _origin(picture: Picture, manifest: Manifest) -> Row:
    return {
        "uri": picture.uri,
        "generation": picture.generation,
        "model": manifest.name,
        "version": manifest.version,
    }


def _measures(measures: Measures) -> list[list[tuple[str, float | None]]]:
    """For each segment its measures, under names that say their units, as tables have them."""
    headings = {name: heading(name, measures.pixel_size) for name in measures.names}
    return [[(headings[name], value) for name, value in of.items()] for of in measures.values]


def _classes(finding: Finding) -> list[Row]:
    """The classes, most probable first."""
    classification = finding.result.classification
    assert classification is not None
    probabilities = classification.probabilities.tolist()
    order = sorted(range(len(probabilities)), key=lambda index: -probabilities[index])
    return [
        {"class": finding.class_names[index], "probability": round(probabilities[index], 4)}
        for index in order
    ]
