"""COCO's JSON: validates it completely when it is read."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, repeat
from pathlib import Path
from typing import Any

from model.data.files import shown
from model.data.gathering import Problems
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


def check_coco(coco: Any, path: Path, problems: Problems) -> dict[str, list[dict[str, Any]]]:
    """The images, annotations and categories of a JSON that have all required fields, all valid.

    Decodes no mask, but checks the format of each. `problems` is told about invalid entries.

    Raises:
        DataError: a section is missing or is no list, or ids are ambiguous.
    """
    missing = [section for section in FIELDS if not (isinstance(coco, dict) and section in coco)]
    if missing:
        raise DataError(f"{path} is not a COCO instances JSON: it has no {', '.join(missing)}")
    for section in FIELDS:
        if not isinstance(coco[section], list):
            raise DataError(f"{path.name}: '{section}' must be a list, not a {type(coco[section]).__name__}")
    valid = {
        section: problems.each(_entry, count(1), coco[section], repeat(section), repeat(path.name))
        for section in FIELDS
    }
    for section in ("images", "categories"):
        if len({entry["id"] for entry in valid[section]}) < len(valid[section]):
            raise DataError(f"{path.name}: ids of {section} occur more than once: give each a unique 'id'")
    valid["images"] = problems.each(_image, valid["images"], repeat(path.name))
    if not valid["images"]:
        raise DataError(f"{path} lists no images")
    return {**valid, "annotations": _annotations(coco, valid, path.name, problems)}


def _entry(number: int, entry: Any, section: str, file_name: str) -> dict[str, Any]:
    """An entry of a section, which has its fields."""
    fields = FIELDS[section]
    singular = {"categories": "category"}.get(section, section.removesuffix("s"))
    where = f"{file_name}: {singular} number {number} in the list"
    if not isinstance(entry, dict):
        raise DataError(f"{where} must be an object with {', '.join(fields)}")
    for name, kinds in fields.items():
        if not isinstance(entry.get(name), kinds):
            found = f"the '{name}' {entry[name]!r}" if name in entry else f"no '{name}'"
            id_ = f" (id {entry['id']})" if "id" in entry and name != "id" else ""
            expected = " or ".join({int: "a whole number", str: "a string"}[kind] for kind in kinds)
            raise DataError(f"{where}{id_} has {found}: expected {expected}")
    return entry


def _image(image: dict[str, Any], file_name: str) -> dict[str, Any]:
    if min(image["height"], image["width"]) < 1:
        size = f"{image['width']} x {image['height']}"
        raise DataError(f"{file_name}: image {image['id']} is {size} pixels: give its true size")
    return image


def _annotations(
    coco: Mapping[str, Any],
    valid: Mapping[str, list[dict[str, Any]]],
    file_name: str,
    problems: Problems,
) -> list[dict[str, Any]]:
    """The annotations that have an image, a category and a mask."""
    annotations = valid["annotations"]
    bare = [annotation["id"] for annotation in annotations if not annotation.get("segmentation")]
    if bare:
        # Not ignored: the objects of a data set with boxes only would be learned as background.
        problems.add(
            DataError(
                f"{file_name}: {len(bare):,} of {len(annotations):,} annotations have no mask, since "
                f"'segmentation' is missing or empty: {shown(bare)}. Boxes are not enough to learn masks: "
                "draw outlines, or remove these annotations and their images"
            )
        )
    listed = {image["id"] for image in coco["images"] if isinstance(image, dict) and "id" in image}
    stray = [
        f"{annotation['id']} (image {annotation['image_id']})"
        for annotation in annotations
        if annotation["image_id"] not in listed
    ]
    if stray:
        problems.add(
            DataError(
                f"{file_name}: {len(stray):,} of {len(annotations):,} annotations belong to images that are "
                f"not listed: {shown(stray)}. List these under 'images', or remove the annotations"
            )
        )
    images = {image["id"]: image for image in valid["images"]}
    placed = [one for one in annotations if one.get("segmentation") and one["image_id"] in images]
    category_ids = {category["id"] for category in valid["categories"]}
    return problems.each(
        lambda annotation: _annotation(annotation, images[annotation["image_id"]], category_ids, file_name),
        placed,
    )


def _annotation(
    annotation: dict[str, Any], image: Mapping[str, Any], category_ids: set[int], file_name: str
) -> dict[str, Any]:
    where = f"{file_name}: annotation {annotation['id']}"
    if annotation["category_id"] not in category_ids:
        raise DataError(f"{where} has category {annotation['category_id']}, which is not listed")
    _check_mask(annotation["segmentation"], image["height"], image["width"], where)
    return annotation


def _check_mask(segmentation: Any, height: int, width: int, where: str) -> None:
    if isinstance(segmentation, list):
        if not all(map(is_polygon, segmentation)):
            raise DataError(
                f"{where} has an invalid polygon: expected a list of coordinates x, y, x, y, … in pixels"
            )
        return
    if not isinstance(segmentation, dict) or not isinstance(segmentation.get("counts"), list | str):
        raise DataError(
            f"{where} has a mask that is neither polygons nor run lengths with 'size' and 'counts'"
        )
    if segmentation.get("size") != [height, width]:
        raise DataError(
            f"{where} has a mask of height and width {segmentation.get('size')}, its image {[height, width]}"
        )
    counts = segmentation["counts"]
    if isinstance(counts, str):
        return  # validated when they are decoded
    if not set(map(type, counts)) <= {int} or min(counts, default=0) < 0:
        raise DataError(f"{where} has invalid run lengths: expected whole numbers from 0 in 'counts'")
    if sum(counts) != height * width:
        raise DataError(
            f"{where} has run lengths that add up to {sum(counts)} pixels, but its image has {height * width}"
        )
