"""Label Studio's JSON export: tasks with annotations, of which each has regions in per cent."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, repeat
from pathlib import Path
from typing import Any

import numpy as np

from model.data import outlines
from model.data.formats.label_studio_brush import alpha_of
from model.data.gathering import Problems
from model.data.labelled import Labelled
from model.data.pictures import SUFFIXES
from model.data.sample import DataError
from model.data.shapes import LocalMask, is_polygon, size_of

Size = tuple[int, int]
WITHOUT_AREA = {"keypoint": "key point", "vector": "vector"}
"""The kinds of region that have no area, with their names in messages."""
HALF_OPAQUE = 128
"""The least alpha of a pixel that a brush has covered: its edges are smooth."""


@dataclass(frozen=True)
class Task:
    """One picture.

    Attributes:
        id: Label Studio's number of the task.
        picture: the picture's path or URL.
        size: (width, height) of the picture when it was annotated; None if it has no region.
        regions: in the order of the JSON; None if it is not annotated yet.
        others: the number of annotations that are not read.
    """

    id: str
    picture: str
    size: Size | None
    regions: Sequence[Labelled] | None
    others: int


def is_label_studio(document: Any) -> bool:
    """Whether a JSON's content is an export of Label Studio in the format JSON."""
    first = document[0] if isinstance(document, list) and document else None
    return (
        isinstance(first, dict)
        and isinstance(first.get("data"), dict)
        and bool({"annotations", "completions"} & set(first))
    )


def tasks_in(document: Any, path: Path, problems: Problems) -> list[Task]:
    """The tasks of an export, without those that name no picture and without invalid regions."""
    return problems.each(_task, count(1), document, repeat(path), repeat(problems))


def _task(number: int, content: Any, path: Path, problems: Problems) -> Task:
    if not isinstance(content, dict):
        raise DataError(f"{path.name}: task number {number} in the list is not an object with 'data'")
    id_ = str(content.get("id", number))
    where = f"{path.name}: task {id_}"
    annotations = content.get("annotations") or content.get("completions") or []
    if not isinstance(annotations, list):
        raise DataError(f"{where} has 'annotations' that are not a list")
    done = [one for one in annotations if isinstance(one, dict) and not one.get("was_cancelled")]
    picture = _picture(content.get("data"), where)
    if not done:
        return Task(id_, picture, None, None, 0)
    chosen = next((one for one in done if one.get("ground_truth")), done[0])
    regions: dict[str, list[Mapping[str, Any]]] = {}
    results = chosen.get("result") or []
    for place, result in enumerate(results if isinstance(results, list) else [results]):
        if not isinstance(result, dict):
            raise DataError(f"{where}: a result of its annotation is not an object with 'value'")
        if _kind(result) in PARTS or _kind(result) in WITHOUT_AREA or "labels" in _value(result):
            regions.setdefault(str(result.get("id", place)), []).append(result)
    size = next((_size(result, where) for results in regions.values() for result in results), None)
    labelled = problems.each(_region, count(1), regions.values(), repeat(where))
    return Task(id_, picture, size, labelled, len(done) - 1)


def _picture(data: Any, where: str) -> str:
    """The picture in a task's data, whose key the project chose."""
    texts = [value for value in data.values() if isinstance(value, str)] if isinstance(data, dict) else []
    shown = [text for text in texts if text.split("?X-")[0].lower().endswith(SUFFIXES)]
    named = data.get("image") if isinstance(data, dict) else None
    found = named if isinstance(named, str) else next(iter(shown), None)
    if not found:
        raise DataError(f"{where} names no picture in its 'data': expected a path or URL, such as 'image'")
    return found


def _value(result: Mapping[str, Any]) -> Mapping[str, Any]:
    value = result.get("value")
    return value if isinstance(value, dict) else {}


def _kind(result: Mapping[str, Any]) -> str:
    """The kind of region: "polygon" of the types "polygon" and "polygonlabels"."""
    return str(result.get("type")).removesuffix("labels")


def _size(result: Mapping[str, Any], where: str) -> Size:
    size = size_of(result.get("original_width"), result.get("original_height"))
    if size is None:
        raise DataError(f"{where}: a region has no 'original_width' and 'original_height'")
    if result.get("image_rotation"):
        raise DataError(
            f"{where} was rotated in Label Studio by {result['image_rotation']}°: rotate its picture file, "
            "and annotate it upright"
        )
    return size


def _region(number: int, results: Sequence[Mapping[str, Any]], where: str) -> Labelled:
    """A region from its results: a shape with labels, or a shape, and labels for it."""
    name = f"region {number}"
    where = f"{where}: {name}"
    shaped = next((one for one in results if _kind(one) in PARTS or _kind(one) in WITHOUT_AREA), None)
    labels = list(dict.fromkeys(label for one in results for label in _labels(one)))
    if len(labels) != 1:
        found = f"the labels {', '.join(labels)}" if labels else "no label"
        raise DataError(f"{where} has {found}: give it one label in Label Studio")
    size = _size(results[0], where)
    if shaped is None:  # labels of a kind of region that is not known
        return Labelled(labels[0], "region", None, name)
    if _kind(shaped) in WITHOUT_AREA:
        return Labelled(labels[0], WITHOUT_AREA[_kind(shaped)], None, name)
    kind = _kind(shaped)
    try:
        part = PARTS[kind](_value(shaped), size)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise DataError(f"{where} ({labels[0]}) is not a valid {kind} of Label Studio ({error})") from error
    if isinstance(part, list) and not is_polygon(part):
        raise DataError(f"{where} ({labels[0]}) has coordinates that cannot be pixels of a picture")
    return Labelled(labels[0], kind, part, name)


def _labels(result: Mapping[str, Any]) -> list[str]:
    """The labels in a result's value, under "labels" or the name of its type, such as "polygonlabels"."""
    named = [labels for key, labels in _value(result).items() if key.endswith("labels")]
    return [str(label).strip() for labels in named if isinstance(labels, list) for label in labels]


def _polygon(value: Mapping[str, Any], size: Size) -> list[float]:
    return [
        float(number) * size[axis] / 100 for x, y in value["points"] for axis, number in enumerate((x, y))
    ]


def _rectangle(value: Mapping[str, Any], size: Size) -> list[float]:
    """Rotated around its upper left corner."""
    x, y = float(value["x"]) * size[0] / 100, float(value["y"]) * size[1] / 100
    width, height = float(value["width"]) * size[0] / 100, float(value["height"]) * size[1] / 100
    turn = math.radians(float(value.get("rotation") or 0))
    return outlines.turned(outlines.of_rectangle(x, y, x + width, y + height), x, y, turn)


def _ellipse(value: Mapping[str, Any], size: Size) -> list[float]:
    x, y = float(value["x"]) * size[0] / 100, float(value["y"]) * size[1] / 100
    radius_x, radius_y = float(value["radiusX"]) * size[0] / 100, float(value["radiusY"]) * size[1] / 100
    return outlines.of_ellipse(x, y, radius_x, radius_y, math.radians(float(value.get("rotation") or 0)))


def _brush(value: Mapping[str, Any], size: Size) -> LocalMask:
    return LocalMask(0, 0, (alpha_of(value["rle"], size) >= HALF_OPAQUE).view(np.uint8))


PARTS: Mapping[str, Callable[[Mapping[str, Any], Size], list[float] | LocalMask]] = {
    "polygon": _polygon,
    "rectangle": _rectangle,
    "ellipse": _ellipse,
    "brush": _brush,
}
"""The kinds of region that have an area."""
