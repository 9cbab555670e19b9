"""LabelMe's JSON, one for each picture: the shapes, and optionally the picture itself."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, repeat
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from model.data import outlines
from model.data.gathering import Problems
from model.data.sample import DataError
from model.data.shapes import LocalMask, is_polygon, size_of
from model.files.system_errors import reason

IGNORED = "__ignore__"
"""LabelMe's label for areas whose content is not annotated."""
BACKGROUND = "_background_"
"""LabelMe's label for the background."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class LabelMeShape:
    """One shape.

    Attributes:
        number: its number in its picture, from 1.
        label: its class.
        kind: LabelMe's shape_type: "polygon", "rectangle", "circle", "mask", "point", "line", …
        group: LabelMe's group_id: shapes with the same group and label are parts of one object; or None.
        content: its JSON object.
    """

    number: int
    label: str
    kind: str
    group: object
    content: Mapping[str, Any]


@dataclass(frozen=True)
class LabelMeFile:
    """The content of one JSON, without the picture in it.

    Attributes:
        path: the path of the JSON.
        picture: the picture's path relative to the JSON; empty if missing.
        has_picture: whether the JSON also has the picture.
        size: (width, height) of the annotated picture; None if missing.
        shapes: in the order of the JSON.
    """

    path: Path
    picture: str
    has_picture: bool
    size: tuple[int, int] | None
    shapes: Sequence[LabelMeShape]


@dataclass(frozen=True)
class EmbeddedPicture:
    """The picture in a JSON's imageData: exactly the pixels that were annotated."""

    json_path: Path

    @property
    def name(self) -> str:
        return f"{self.json_path.name} (imageData)"

    def open(self) -> IO[bytes]:
        try:
            return io.BytesIO(
                base64.b64decode(json.loads(self.json_path.read_bytes())["imageData"], validate=True)
            )
        except (ValueError, TypeError) as error:
            raise OSError(f"its imageData is not base64: {error}") from error


def is_labelme(document: Any) -> bool:
    """Whether a JSON's content is in LabelMe's format."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("shapes"), list)
        and ("imagePath" in document or "imageHeight" in document or "imageData" in document)
    )


def read_labelme(path: Path, problems: Problems) -> LabelMeFile | None:
    """The content of a JSON, without shapes that are not in LabelMe's format; None if it is not LabelMe's.

    Raises:
        DataError: the file is not JSON.
    """
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {reason(error)}") from error
    if not is_labelme(document):
        return None
    shapes = problems.each(_shape, count(1), document["shapes"], repeat(path))
    return LabelMeFile(
        path,
        str(document.get("imagePath") or "").replace("\\", "/"),
        bool(document.get("imageData")),
        size_of(document.get("imageWidth"), document.get("imageHeight")),
        shapes,
    )


def _shape(number: int, content: Any, path: Path) -> LabelMeShape:
    if not isinstance(content, dict) or not isinstance(content.get("points"), list):
        raise DataError(f"{path.name}: shape {number} has no 'points', which LabelMe writes for each shape")
    label = content.get("label")
    if not isinstance(label, str) or not label.strip():
        raise DataError(f"{path.name}: shape {number} has no 'label': name its class in LabelMe")
    kind = content.get("shape_type") or "polygon"  # the only kind in early versions
    return LabelMeShape(number, label.strip(), str(kind), content.get("group_id"), content)


def _polygon(points: Points) -> list[float]:
    return [value for point in points for value in point]


def _rectangle(points: Points) -> list[float]:
    if len(points) == 4:  # some tools that write LabelMe's JSON give all corners
        return _polygon(points)
    (x1, y1), (x2, y2) = points
    return outlines.of_rectangle(x1, y1, x2, y2)


def _circle(points: Points) -> list[float]:
    (x, y), (edge_x, edge_y) = points
    return outlines.of_circle(x, y, float(np.hypot(edge_x - x, edge_y - y)))


OUTLINES: Mapping[str, Callable[[Points], list[float]]] = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "circle": _circle,
    "oriented_rectangle": _polygon,
    "rotation": _polygon,  # an oriented rectangle in X-AnyLabeling
}
"""The kinds of shape that have an area, except "mask"."""


def has_area(shape: LabelMeShape) -> bool:
    """Whether the shape covers pixels."""
    return shape.kind == "mask" or shape.kind in OUTLINES


def part_of(shape: LabelMeShape, path: Path) -> list[float] | LocalMask:
    """The pixels of a shape with an area, as a part of a `Shape`; DataError if its numbers are invalid."""
    try:
        points = [(float(x), float(y)) for x, y in shape.content["points"]]
        if shape.kind == "mask":
            return _mask(points, shape.content["mask"])
        outline = OUTLINES[shape.kind](points)
    except Exception as error:  # Pillow raises nearly any exception for an invalid mask
        raise DataError(
            f"{path.name}: shape {shape.number} ({shape.label}) is not a valid {shape.kind}: its points or "
            f"its mask are not in LabelMe's format ({type(error).__name__}: {error})"
        ) from error
    if not is_polygon(outline):
        raise DataError(
            f"{path.name}: shape {shape.number} ({shape.label}) has coordinates that cannot be pixels of a "
            "picture"
        )
    return outline


def _mask(points: Points, encoded: str) -> LocalMask:
    """A mask from a picture in base64, whose upper left pixel is at the first point."""
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        mask = np.asarray(picture.convert("L")) > 0
    return LocalMask(round(points[0][0]), round(points[0][1]), mask.view(np.uint8))
