"""VIA's JSON, versions 1 and 2: an export of the annotations, or a whole project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count, repeat
from pathlib import Path
from typing import Any

from model.data import outlines
from model.data.gathering import Problems
from model.data.sample import DataError
from model.data.shapes import is_polygon

_PICTURES = "_via_img_metadata"
"""The key of a project under which it has the content of an export."""


@dataclass(frozen=True)
class Region:
    """One region.

    Attributes:
        picture: the file name of its picture in VIA.
        number: its number in its picture, from 1.
        figure: VIA's shape_attributes: the name of the figure and its coordinates.
        attributes: VIA's region_attributes, which each project defines.
    """

    picture: str
    number: int
    figure: Mapping[str, Any]
    attributes: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The kind of figure: "polygon", "rect", "circle", "ellipse", "polyline", "point"."""
        return str(self.figure.get("name"))

    @property
    def name(self) -> str:
        """The region's name, for messages."""
        return f"region {self.number}"

    def value(self, attribute: str) -> str:
        """The attribute's value, of checkboxes the one that is ticked; empty if there is not exactly one."""
        value = self.attributes.get(attribute)
        if isinstance(value, dict):
            ticked = [option for option, is_ticked in value.items() if is_ticked]
            return ticked[0].strip() if len(ticked) == 1 else ""
        return "" if value is None else str(value).strip()


def is_via(document: Any) -> bool:
    """Whether a JSON's content is in the format of VIA 1 or 2."""
    if not isinstance(document, dict) or not document:
        return False
    if isinstance(document.get(_PICTURES), dict):
        return True
    first = next(iter(document.values()))
    return isinstance(first, dict) and {"filename", "regions"} <= set(first)


def regions_of_pictures(document: Any, path: Path, problems: Problems) -> dict[str, list[Region]]:
    """Each picture's file name and its regions, in the order of the JSON, without what is invalid."""
    pictures: dict[str, list[Region]] = {}
    for name, regions in problems.each(_entry, document.get(_PICTURES, document).items(), repeat(path)):
        before = pictures.setdefault(name, [])
        before += problems.each(_region, count(len(before) + 1), regions, repeat(name), repeat(path))
    return pictures


def _entry(item: tuple[str, Any], path: Path) -> tuple[str, list[Any]]:
    """The picture's file name and the content of its regions."""
    key, entry = item
    name = entry.get("filename") if isinstance(entry, dict) else None
    if not isinstance(name, str) or not name:
        raise DataError(
            f"{path.name}: the entry {key!r} has no 'filename', which VIA writes for each picture"
        )
    regions = entry.get("regions") or []
    # An object with numbers as keys in VIA 1, a list in VIA 2.
    regions = list(regions.values()) if isinstance(regions, dict) else regions
    if not isinstance(regions, list):
        raise DataError(f"{path.name}: the regions of {name} are not a list")
    return name, regions


def _region(number: int, content: Any, picture: str, path: Path) -> Region:
    figure = content.get("shape_attributes") if isinstance(content, dict) else None
    if not isinstance(figure, dict):
        raise DataError(f"{path.name}: region {number} of {picture} has no 'shape_attributes'")
    attributes = content.get("region_attributes")
    return Region(picture, number, figure, attributes if isinstance(attributes, dict) else {})


def default_folder(document: Any) -> str:
    """The folder of the pictures that a project names; empty if it names none."""
    settings = document.get("_via_settings")
    core = settings.get("core") if isinstance(settings, dict) else None
    folder = core.get("default_filepath") if isinstance(core, dict) else None
    return folder if isinstance(folder, str) else ""


def _polygon(figure: Mapping[str, Any]) -> list[float]:
    xs, ys = figure["all_points_x"], figure["all_points_y"]
    return [value for point in zip(xs, ys, strict=True) for value in point]


def _rectangle(figure: Mapping[str, Any]) -> list[float]:
    x, y = figure["x"], figure["y"]
    return outlines.of_rectangle(x, y, x + figure["width"], y + figure["height"])


def _circle(figure: Mapping[str, Any]) -> list[float]:
    return outlines.of_circle(figure["cx"], figure["cy"], figure["r"])


def _ellipse(figure: Mapping[str, Any]) -> list[float]:
    turn = figure.get("theta") or 0.0  # VIA 1 has none
    return outlines.of_ellipse(figure["cx"], figure["cy"], figure["rx"], figure["ry"], turn)


OUTLINES: Mapping[str, Callable[[Mapping[str, Any]], list[float]]] = {
    "polygon": _polygon,
    "rect": _rectangle,
    "circle": _circle,
    "ellipse": _ellipse,
}
"""The figures that have an area."""


def outline_of(region: Region, path: Path) -> list[float]:
    """The outline of a region with an area, x, y, x, y, … in pixels; DataError if its numbers are invalid."""
    try:
        outline = OUTLINES[region.kind](region.figure)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{path.name}: {region.name} of {region.picture} is not a valid {region.kind}: its numbers are "
            f"missing or invalid ({type(error).__name__}: {error})"
        ) from error
    if not is_polygon(outline):
        raise DataError(
            f"{path.name}: {region.name} of {region.picture} has coordinates that cannot be pixels of a "
            "picture"
        )
    return outline
