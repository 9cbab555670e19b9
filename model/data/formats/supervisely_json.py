"""Supervisely's JSONs: meta.json with the classes, and one with the shapes for each picture."""

from __future__ import annotations

import base64
import io
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from itertools import count, repeat
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_mask

from model.data import outlines
from model.data.files import short
from model.data.gathering import Problems
from model.data.labelled import Labelled
from model.data.sample import DataError
from model.data.shapes import LocalMask, is_polygon, size_of, to_rle
from model.files.system_errors import reason

WITHOUT_AREA = {"point", "line", "graph", "cuboid", "cuboid_2d", "point_3d", "multichannel_mask"}
"""Kinds of shape that have no area, also as the shape of a class."""
MOST_BYTES = 100_000_000
"""Of a bitmap without its compression: zlib turns a kilobyte into a megabyte."""

Size = tuple[int, int]


def is_supervisely(document: Any) -> bool:
    """Whether a JSON's content has the shapes of one picture."""
    return isinstance(document, dict) and {"objects", "size"} <= set(document)


def classes_in(path: Path) -> list[str]:
    """The classes in a meta.json that can have an area; DataError if it is not Supervisely's."""
    document = _document(path)
    entries = document.get("classes") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{path} has no list 'classes', which Supervisely writes")
    return [
        str(entry["title"]).strip()
        for entry in entries
        if entry.get("title") and str(entry.get("shape")) not in WITHOUT_AREA
    ]


def read_supervisely(path: Path, problems: Problems) -> tuple[Size, list[Labelled]]:
    """(width, height) of a picture when it was annotated, and its shapes without those that are invalid.

    Raises:
        DataError: the JSON is not Supervisely's.
    """
    document = _document(path)
    if not is_supervisely(document) or not isinstance(document["objects"], list):
        raise DataError(f"{short(path)} is not a JSON of Supervisely: expected 'size' and a list 'objects'")
    said = document["size"] if isinstance(document["size"], dict) else {}
    size = size_of(said.get("width"), said.get("height"))
    if size is None:
        raise DataError(f"{short(path)} has no size: expected 'size' with 'width' and 'height' in pixels")
    return size, problems.each(_labelled, count(1), document["objects"], repeat(size), repeat(path))


def _document(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {reason(error)}") from error


def _labelled(number: int, content: Any, size: Size, path: Path) -> Labelled:
    name = f"object {number}"
    where = f"{short(path)}: {name}"
    if not isinstance(content, dict) or not str(content.get("classTitle") or "").strip():
        raise DataError(f"{where} has no 'classTitle', which Supervisely writes for each object")
    label = str(content["classTitle"]).strip()
    kind = str(content.get("geometryType") or ("bitmap" if content.get("bitmap") else "polygon"))
    if kind in WITHOUT_AREA:
        return Labelled(label, kind, None, name)
    if kind not in PARTS:
        raise DataError(f"{where} ({label}) is a {kind}: expected {', '.join(PARTS)}; convert or delete it")
    try:
        part = PARTS[kind](content, size)
    except Exception as error:  # Pillow raises nearly any exception for an invalid bitmap
        raise DataError(f"{where} ({label}) is not a valid {kind} of Supervisely ({error})") from error
    return Labelled(label, kind, part, name)


def _outline(points: Sequence[Sequence[float]]) -> list[float]:
    outline = [float(value) for x, y in points for value in (x, y)]
    if not is_polygon(outline):
        raise ValueError("its coordinates cannot be pixels of a picture")
    return outline


def _polygon(content: Mapping[str, Any], size: Size) -> list[float] | dict[str, Any]:
    """The outline; if it has holes, COCO's run lengths of the outline without them."""
    outline = _outline(content["points"]["exterior"])
    holes = [_outline(hole) for hole in content["points"].get("interior") or ()]
    whole = to_rle([outline], size) if holes else None
    without = to_rle(holes, size) if holes else None
    if whole is None or without is None:
        return outline
    rle = coco_mask.encode(np.asfortranarray(coco_mask.decode(whole) & ~coco_mask.decode(without) & 1))
    return {**rle, "counts": rle["counts"].decode()}


def _rectangle(content: Mapping[str, Any], size: Size) -> list[float]:
    """The corners are pixels that belong to the rectangle."""
    (x1, y1), (x2, y2) = content["points"]["exterior"]
    left, right, top, bottom = min(x1, x2), max(x1, x2), min(y1, y2), max(y1, y2)
    return _outline(np.reshape(outlines.of_rectangle(left, top, right + 1, bottom + 1), (-1, 2)).tolist())


def _bitmap(content: Mapping[str, Any], size: Size) -> LocalMask:
    """A PNG, compressed again by zlib, in base64; `origin` is its upper left pixel."""
    bitmap = content.get("bitmap") or content["alpha_mask"]
    unpacking = zlib.decompressobj()
    png = unpacking.decompress(base64.b64decode(bitmap["data"]), MOST_BYTES)
    x, y = (round(value) for value in bitmap["origin"])
    with Image.open(io.BytesIO(png)) as picture:
        if picture.width > size[0] or picture.height > size[1]:
            raise ValueError(
                f"it is {picture.width} x {picture.height} pixels, the picture {size[0]} x {size[1]}"
            )
        has_alpha = "A" in picture.getbands() or "transparency" in picture.info
        grey = picture.convert("RGBA").getchannel("A") if has_alpha else picture.convert("L")
        return LocalMask(x, y, (np.asarray(grey) > 0).view(np.uint8))


PARTS: Mapping[str, Callable[[Mapping[str, Any], Size], Any]] = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "bitmap": _bitmap,
    "alpha_mask": _bitmap,
}
"""The kinds of shape that have an area."""
