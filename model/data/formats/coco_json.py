"""COCO's JSON: validates it completely when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model.data.files import shown
from model.data.sample import DataError
from model.data.shapes import is_polygon

Kinds = tuple[type, ...]
ID: Kinds = (int, str)
FIELDS: Mapping[str, Mapping[str, Kinds]] = {
    "images": {"id": ID, "file_name": (str,), "height": (int,), "width": (int,)},
    "annotations": {"id": ID, "image_id": ID, "category_id": (int,)},
    "categories": {"id": (int,), "name": (str,)},
}
"""The required fields of the entries in each section, and their types."""


def check_coco(coco: Any, path: Path) -> dict[str, Any]:
    """The content of a JSON whose images, annotations and categories have all required fields, all valid.

    Decodes no mask, but checks the format of each.

    Raises:
        DataError: the JSON is invalid; the message names the file and the first invalid entry.
    """
    missing = [section for section in FIELDS if not (isinstance(coco, dict) and section in coco)]
    if missing:
        raise DataError(f"{path} is not a COCO instances JSON: it has no {', '.join(missing)}")
    for section, fields in FIELDS.items():
        _check_entries(coco[section], section, fields, path.name)
    if not coco["images"]:
        raise DataError(f"{path} lists no images")
    _check_references(coco, path.name)
    return coco


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
                expected = " or ".join({int: "a whole number", str: "a string"}[kind] for kind in kinds)
                raise DataError(f"{where}{id_} has {found}: expected {expected}")


def _check_references(coco: Mapping[str, Any], file_name: str) -> None:
    """Check that ids are unique, and that each annotation has an image, a category and a mask."""
    images = {image["id"]: image for image in coco["images"]}
    category_ids = {category["id"] for category in coco["categories"]}
    for section, ids in (("images", images), ("categories", category_ids)):
        if len(ids) < len(coco[section]):
            raise DataError(f"{file_name}: ids of {section} occur more than once: give each a unique 'id'")
    for image in coco["images"]:
        if min(image["height"], image["width"]) < 1:
            size = f"{image['width']} x {image['height']}"
            raise DataError(f"{file_name}: image {image['id']} is {size} pixels: give its true size")
    bare = [annotation["id"] for annotation in coco["annotations"] if not annotation.get("segmentation")]
    if bare:
        # Not ignored: the objects of a data set with boxes only would be learned as background.
        raise DataError(
            f"{file_name}: {len(bare):,} of {len(coco['annotations']):,} annotations have no mask, since "
            f"'segmentation' is missing or empty: {shown(bare)}. Boxes are not enough to learn masks: draw "
            "outlines, or remove these annotations and their images"
        )
    stray = [
        f"{annotation['id']} (image {annotation['image_id']})"
        for annotation in coco["annotations"]
        if annotation["image_id"] not in images
    ]
    if stray:
        raise DataError(
            f"{file_name}: {len(stray):,} of {len(coco['annotations']):,} annotations belong to images "
            f"that are not listed: {shown(stray)}. List these under 'images', or remove the annotations"
        )
    for annotation in coco["annotations"]:
        where = f"{file_name}: annotation {annotation['id']}"
        if annotation["category_id"] not in category_ids:
            raise DataError(f"{where} has category {annotation['category_id']}, which is not listed")
        image = images[annotation["image_id"]]
        problem = _mask_problem(annotation["segmentation"], image["height"], image["width"])
        if problem:
            raise DataError(f"{where} {problem}")


def _mask_problem(segmentation: Any, height: int, width: int) -> str | None:
    if isinstance(segmentation, list):
        if all(map(is_polygon, segmentation)):
            return None
        return "has an invalid polygon: expected a list of coordinates x, y, x, y, … in pixels"
    if not isinstance(segmentation, dict) or not isinstance(segmentation.get("counts"), list | str):
        return "has a mask that is neither polygons nor run lengths with 'size' and 'counts'"
    if segmentation.get("size") != [height, width]:
        return f"has a mask of height and width {segmentation.get('size')}, its image {[height, width]}"
    counts = segmentation["counts"]
    if isinstance(counts, str):
        return None  # validated when they are decoded
    if not set(map(type, counts)) <= {int} or min(counts, default=0) < 0:
        return "has invalid run lengths: expected whole numbers from 0 in 'counts'"
    if sum(counts) != height * width:
        return f"has run lengths that add up to {sum(counts)} pixels, but its image has {height * width}"
    return None
