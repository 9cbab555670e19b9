"""The JSON of LabelMe, one for each picture: its shapes, and maybe the picture itself."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from model.data import outlines
from model.data.sample import DataError
from model.data.shapes import LocalMask, is_polygon
from model.files.system_errors import reason

IGNORED = "__ignore__"
"""LabelMe's label of areas in which nobody told what is there."""
BACKGROUND = "_background_"
"""LabelMe's label of the background, which is no object."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class LabelMeShape:
    """One shape.

    Attributes:
        number: which of its picture's it is, from 1.
        label: its class.
        kind: LabelMe's shape_type: "polygon", "rectangle", "circle", "mask", "point", "line", …
        group: LabelMe's group_id: shapes of one group and label are parts of one object; None: it is whole.
        content: the JSON's own object.
    """

    number: int
    label: str
    kind: str
    group: object
    content: Mapping[str, Any]


@dataclass(frozen=True)
class LabelMeFile:
    """What one JSON tells, without the picture in it.

    Attributes:
        path: of the JSON.
        picture: the picture's path as LabelMe has it, relative to the JSON; empty if not told.
        has_picture: whether the JSON holds the picture too.
        size: (width, height) of the picture that was annotated; None if not told.
        shapes: in the order of the JSON.
    """

    path: Path
    picture: str
    has_picture: bool
    size: tuple[int, int] | None
    shapes: Sequence[LabelMeShape]


@dataclass(frozen=True)
class EmbeddedPicture:
    """The picture in a JSON's imageData: the very pixels that were annotated, as LabelMe shows them again."""

    json_path: Path

    @property
    def name(self) -> str:
        return f"{self.json_path.name} (imageData)"

    def open(self) -> IO[bytes]:
        try:
            return io.BytesIO(
                base64.b64decode(json.loads(self.json_path.read_bytes())["imageData"], validate=True)
            )
        except ValueError as error:
            raise OSError(f"its imageData is no base64: {error}") from error


def is_labelme(document: Any) -> bool:
    """Whether a JSON's content is of LabelMe."""
    return (
        isinstance(document, dict)
        and isinstance(document.get("shapes"), list)
        and ("imagePath" in document or "imageHeight" in document or "imageData" in document)
    )


def read_labelme(path: Path) -> LabelMeFile | None:
    """What a JSON tells; None if it is not LabelMe's.

    Raises:
        DataError: it is not JSON, or a shape is not as LabelMe writes it.
    """
    try:
        document = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as JSON: {reason(error)}") from error
    if not is_labelme(document):
        return None
    size = document.get("imageWidth"), document.get("imageHeight")
    shapes = [_shape(number, content, path) for number, content in enumerate(document["shapes"], start=1)]
    return LabelMeFile(
        path,
        str(document.get("imagePath") or "").replace("\\", "/"),
        bool(document.get("imageData")),
        (size[0], size[1]) if isinstance(size[0], int) and isinstance(size[1], int) else None,
        shapes,
    )


def _shape(number: int, content: Any, path: Path) -> LabelMeShape:
    if not isinstance(content, dict) or not isinstance(content.get("points"), list):
        raise DataError(f"{path.name}: shape {number} has no 'points': LabelMe writes them for each shape")
    label = content.get("label")
    if not isinstance(label, str) or not label.strip():
        raise DataError(f"{path.name}: shape {number} has no 'label': name its class in LabelMe")
    kind = content.get("shape_type") or "polygon"  # which alone there was at first
    return LabelMeShape(number, label.strip(), str(kind), content.get("group_id"), content)


def _polygon(points: Points) -> list[float]:
    return [value for point in points for value in point]


def _rectangle(points: Points) -> list[float]:
    if len(points) == 4:  # as some tools that write LabelMe's JSON have them
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
"""The kinds of shape that have an area, beside "mask"."""


def has_area(shape: LabelMeShape) -> bool:
    """Whether the shape covers pixels."""
    return shape.kind == "mask" or shape.kind in OUTLINES


def part_of(shape: LabelMeShape, path: Path) -> list[float] | LocalMask:
    """The pixels of a shape with an area, as a part of a `Shape`; DataError if its numbers make none."""
    try:
        points = [(float(x), float(y)) for x, y in shape.content["points"]]
        if shape.kind == "mask":
            return _mask(points, shape.content["mask"])
        outline = OUTLINES[shape.kind](points)
    except Exception as error:  # Pillow raises nearly anything for a mask that is none
        raise DataError(
            f"{path.name}: shape {shape.number} ({shape.label}) is no {shape.kind}: its points or its mask "
            f"are not as LabelMe writes them ({type(error).__name__}: {error})"
        ) from error
    if not is_polygon(outline):
        raise DataError(
            f"{path.name}: shape {shape.number} ({shape.label}) has coordinates that are no pixels of a "
            "picture"
        )
    return outline


def _mask(points: Points, encoded: str) -> LocalMask:
    """A picture in base64 whose upper left pixel lies at the first point."""
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
        mask = np.asarray(picture.convert("L")) > 0
    return LocalMask(round(points[0][0]), round(points[0][1]), mask.view(np.uint8))
