"""The JSON of a COCO data set: read, and known to be whole before anybody works with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pycocotools import mask as coco_mask

from model.data.sample import DataError

Kinds = tuple[type, ...]
ID: Kinds = (int, str)
FIELDS: Mapping[str, Mapping[str, Kinds]] = {
    "images": {"id": ID, "file_name": (str,), "height": (int,), "width": (int,)},
    "annotations": {"id": ID, "image_id": ID, "category_id": (int,)},
    "categories": {"id": (int,), "name": (str,)},
}
"""The fields that are needed of each entry in each section, and their types."""

MIN_POLYGON_COORDINATES = 6  # three points; pycocotools takes a list of four numbers for a box
FARTHEST = 100_000
"""Pixels: a polygon's coordinates lie within this, as pycocotools takes memory for all its edge."""


def read_coco(path: Path) -> dict[str, Any]:
    """The JSON's images, annotations and categories, with every needed field there and of its type.

    Decodes no mask, but sees to it that each can be one.

    Raises:
        DataError: names the file, and the first image, annotation or category that is not as it must be.
    """
    try:
        coco = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}") from error
    missing = [section for section in FIELDS if not (isinstance(coco, dict) and section in coco)]
    if missing:
        raise DataError(f"{path} is not a COCO instances JSON: it has no {', '.join(missing)}")
    for section, fields in FIELDS.items():
        _check_entries(coco[section], section, fields, path.name)
    if not coco["images"]:
        raise DataError(f"{path} lists no images")
    _check_references(coco, path.name)
    return coco


def to_rle(segmentation: Any, height: int, width: int) -> dict[str, Any] | None:
    """COCO's compressed run lengths of a `segmentation`; None for polygons of under three points.

    Raises:
        DataError: the run lengths do not cover the image's pixels (of which pycocotools makes random ones).
    """
    if isinstance(segmentation, list):
        polygons = [polygon for polygon in segmentation if len(polygon) >= MIN_POLYGON_COORDINATES]
        return coco_mask.merge(coco_mask.frPyObjects(polygons, height, width)) if polygons else None
    if isinstance(segmentation["counts"], list):
        return coco_mask.frPyObjects(segmentation, height, width)
    runs = _uncompressed(segmentation["counts"])
    if not runs or min(runs) < 0 or sum(runs) != height * width:
        raise DataError("has run lengths that are damaged: they do not add up to the image's pixels")
    return segmentation


def _check_entries(entries: Any, section: str, fields: Mapping[str, Kinds], file_name: str) -> None:
    if not isinstance(entries, list):
        raise DataError(f"{file_name}: '{section}' must be a list, not a {type(entries).__name__}")
    singular = {"categories": "category"}.get(section, section.removesuffix("s"))
    for number, entry in enumerate(entries, start=1):
        where = f"{file_name}: {singular} number {number} in the list"
        if not isinstance(entry, dict):
            raise DataError(f"{where} must be an object with {', '.join(fields)}")
        for name, kinds in fields.items():
            if not isinstance(entry.get(name), kinds):
                found = f"the '{name}' {entry[name]!r}" if name in entry else f"no '{name}'"
                id_ = f" (id {entry['id']})" if "id" in entry and name != "id" else ""
                expected = " or ".join({int: "a whole number", str: "a text"}[kind] for kind in kinds)
                raise DataError(f"{where}{id_} has {found}: {expected} was expected")


def _check_references(coco: Mapping[str, Any], file_name: str) -> None:
    """Ids are unique, and each annotation has its image, its category and what can be its mask."""
    images = {image["id"]: image for image in coco["images"]}
    category_ids = {category["id"] for category in coco["categories"]}
    for section, ids in (("images", images), ("categories", category_ids)):
        if len(ids) < len(coco[section]):
            raise DataError(f"{file_name}: 'id's of {section} occur more than once: give each its own")
    for image in coco["images"]:
        if min(image["height"], image["width"]) < 1:
            size = f"{image['width']} x {image['height']}"
            raise DataError(f"{file_name}: image {image['id']} is {size} pixels: give its true size")
    for annotation in coco["annotations"]:
        where = f"{file_name}: annotation {annotation['id']}"
        if annotation["image_id"] not in images:
            raise DataError(f"{where} belongs to image {annotation['image_id']}, which is not listed")
        if annotation["category_id"] not in category_ids:
            raise DataError(f"{where} is of category {annotation['category_id']}, which is not listed")
        image = images[annotation["image_id"]]
        problem = _mask_problem(annotation.get("segmentation"), image["height"], image["width"])
        if problem:
            raise DataError(f"{where} {problem}")


def _mask_problem(segmentation: Any, height: int, width: int) -> str | None:
    # Dropped instead, the objects of a data set that has boxes only would be learned as background.
    if not segmentation:
        return "has no mask: its 'segmentation' is missing or empty"
    if isinstance(segmentation, list):
        if all(map(_is_polygon, segmentation)):
            return None
        return "has a polygon that is none: a list of coordinates x, y, x, y, … in pixels was expected"
    if not isinstance(segmentation, dict) or not isinstance(segmentation.get("counts"), list | str):
        return "has a mask that is neither polygons nor run lengths with 'size' and 'counts'"
    if segmentation.get("size") != [height, width]:
        return f"has a mask of height and width {segmentation.get('size')}, its image {[height, width]}"
    counts = segmentation["counts"]
    if isinstance(counts, str):
        return None  # known when they are decoded
    if not set(map(type, counts)) <= {int} or min(counts, default=0) < 0:
        return "has run lengths that are none: whole numbers from 0 were expected in 'counts'"
    if sum(counts) != height * width:
        return f"has run lengths of {sum(counts)} pixels in all, its image has {height * width}"
    return None


def _is_polygon(polygon: Any) -> bool:
    return (
        isinstance(polygon, list)
        and set(map(type, polygon)) <= {int, float}
        and len(polygon) % 2 == 0
        and math.isfinite(sum(polygon))
        and max(map(abs, polygon), default=0) <= FARTHEST
    )


def _uncompressed(counts: str) -> list[int]:
    """The run lengths in COCO's text, which has six bits a character; empty if it is none of COCO's.

    The lowest five bits first; the sixth says that more follow. From the fourth on, a length is written as
    its difference from the last but one (`rleFrString` in COCO's maskApi.c).
    """
    runs: list[int] = []
    value = shift = 0
    for character in counts:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            return []
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:  # negative
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value = shift = 0
    return [] if shift else runs
