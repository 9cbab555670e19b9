"""CVAT's XML for images, version 1.1: labels, images and shapes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, repeat
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from model.data import outlines
from model.data.gathering import Problems
from model.data.labelled import Labelled
from model.data.sample import DataError
from model.data.shapes import LocalMask, is_polygon, size_of
from model.files.system_errors import reason

Element = ElementTree.Element
WITHOUT_AREA = {"points", "polyline", "cuboid", "skeleton"}
"""The kinds of shape that have no area; also the types of the labels that only such shapes can have."""


@dataclass(frozen=True)
class CvatImage:
    """One image.

    Attributes:
        name: its path in CVAT.
        size: (width, height) in pixels.
        subset: the part of a project to which it belongs, such as "Train"; empty if there is none.
        shapes: in the order of the XML.
    """

    name: str
    size: tuple[int, int]
    subset: str
    shapes: Sequence[Labelled]


def read_cvat(path: Path, problems: Problems) -> tuple[list[str], list[CvatImage]]:
    """The names of the labels that can have an area, and the images, without what is invalid.

    Raises:
        DataError: the file is not XML of CVAT for images.
    """
    try:
        root = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError, ValueError, LookupError) as error:
        raise DataError(f"{path} cannot be read as XML: {reason(error)}") from error
    if root.find("track") is not None:
        raise DataError(
            f"{path.name} is in the format 'CVAT for video', whose shapes belong to frames: in CVAT, export "
            "as 'CVAT for images 1.1', with images"
        )
    if root.find(".//image") is None:
        raise DataError(f"{path.name} has no images: in CVAT, export as 'CVAT for images 1.1', with images")
    images = problems.each(_image, count(1), root.iter("image"), repeat(path), repeat(problems))
    for name, times in Counter(image.name for image in images).items():
        if times > 1:
            problems.add(DataError(f"{path.name} lists {name} {times} times: give each image a unique name"))
    meta = root.find("meta")
    labels = [] if meta is None else [label for label in meta.iter("label") if label.find("name") is not None]
    names = [
        (label.findtext("name") or "").strip()
        for label in labels
        if label.findtext("type") not in WITHOUT_AREA and label.find("parent") is None
    ]
    return names, images


def _image(number: int, image: Element, path: Path, problems: Problems) -> CvatImage:
    name = image.get("name")
    if not name:
        raise DataError(f"{path.name}: image number {number} has no 'name'")
    try:
        size = size_of(int(image.attrib["width"]), int(image.attrib["height"]))
    except (KeyError, ValueError):
        size = None
    if size is None:
        raise DataError(f"{path.name}: {name} has no width and height in whole pixels")
    shapes = [shape for shape in image if shape.get("label") is not None and shape.tag != "tag"]
    return CvatImage(
        name.replace("\\", "/"),
        size,
        image.get("subset") or "",
        problems.each(_shape, count(1), shapes, repeat(f"{path.name}: {name}")),
    )


def _shape(number: int, shape: Element, where: str) -> Labelled:
    name, kind = f"shape {number}", shape.tag
    label = (shape.get("label") or "").strip()
    group = shape.get("group_id") or "0"
    if kind in WITHOUT_AREA:
        return Labelled(label, kind.removesuffix("s"), None, name)
    if kind not in PARTS:
        raise DataError(f"{where}: {name} ({label}) is a {kind}: expected {', '.join(PARTS)}; delete it")
    try:
        part = PARTS[kind](shape)
    except (KeyError, ValueError, OverflowError) as error:
        raise DataError(f"{where}: {name} ({label}) is not a valid {kind} of CVAT ({error})") from error
    if isinstance(part, list) and not is_polygon(part):
        raise DataError(f"{where}: {name} ({label}) has coordinates that cannot be pixels of a picture")
    return Labelled(label, kind, part, name, None if group == "0" else group)


def _numbers(shape: Element, *names: str) -> list[float]:
    return [float(shape.attrib[name]) for name in names]


def _polygon(shape: Element) -> list[float]:
    points = [point.split(",") for point in shape.attrib["points"].split(";") if point.strip()]
    return [value for x, y in points for value in (float(x), float(y))]


def _box(shape: Element) -> list[float]:
    x1, y1, x2, y2 = _numbers(shape, "xtl", "ytl", "xbr", "ybr")
    turn = math.radians(float(shape.get("rotation") or 0))
    return outlines.turned(outlines.of_rectangle(x1, y1, x2, y2), (x1 + x2) / 2, (y1 + y2) / 2, turn)


def _ellipse(shape: Element) -> list[float]:
    turn = math.radians(float(shape.get("rotation") or 0))
    x, y, radius_x, radius_y = _numbers(shape, "cx", "cy", "rx", "ry")
    return outlines.of_ellipse(x, y, radius_x, radius_y, turn)


def _mask(shape: Element) -> LocalMask:
    """Run lengths of the pixels of a box, row by row, those of 0 first."""
    x, y, width, height = (int(value) for value in _numbers(shape, "left", "top", "width", "height"))
    runs = [int(run) for run in shape.attrib["rle"].split(",")]
    if min(runs) < 0 or width < 1 or height < 1 or sum(runs) != width * height:
        raise ValueError(f"its run lengths do not add up to {width} x {height} pixels")
    values = np.arange(len(runs), dtype=np.uint8) % 2
    return LocalMask(x, y, np.repeat(values, runs).reshape(height, width))


PARTS: Mapping[str, Callable[[Element], list[float] | LocalMask]] = {
    "polygon": _polygon,
    "box": _box,
    "ellipse": _ellipse,
    "mask": _mask,
}
"""The kinds of shape that have an area."""
