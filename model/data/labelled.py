"""Labelled: drawings whose objects have class names, and the base class of data sets of these."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.data.class_names import BACKGROUND_NAMES
from model.data.findings import Finding
from model.data.naming import classes_of
from model.data.reading import Reading
from model.data.shapes import Drawing, DrawnShapes, Shape, left_out
from model.data.sources import Source


@dataclass(frozen=True, slots=True)
class Labelled:
    """One shape with the name of its class.

    Attributes:
        label: the name of its class.
        kind: the tool's name for this kind of shape ("polygon"), for messages.
        part: its pixels, as a part of a `Shape`; None if it has no area, such as a point.
        name: identifies the shape within its picture, for messages.
        group: shapes with the same label and group are parts of one object; None: it is an object by itself.
    """

    label: str
    kind: str
    part: Any
    name: str
    group: object = None


@dataclass(frozen=True, slots=True)
class LabelledPicture:
    """One picture and its shapes.

    Attributes:
        id: identifies the picture within its data set.
        source: the picture's file.
        size: (width, height) of the picture when it was annotated; None if the data do not record it.
        shapes: in the tool's order.
    """

    id: str
    source: Source
    size: tuple[int, int] | None
    shapes: Sequence[Labelled]


class LabelledShapes(DrawnShapes):
    """A data set of labelled pictures. Shapes without an area and those of the background are left out."""

    def __init__(
        self,
        path: Path,
        pictures: Sequence[LabelledPicture],
        reading: Reading,
        *,
        folder: Path,
        described_in: str,
        listed: Sequence[str] = (),
        notes: Sequence[Finding] = (),
    ) -> None:
        """`folder` may have a classes.txt; `listed` are the classes that the data list, in their order.

        Raises:
            DataError: as `classes_of`.
        """
        found = {shape.label for picture in pictures for shape in picture.shapes if _is_object(shape)}
        listed = list(dict.fromkeys(name for name in listed if not _is_background(name)))
        classes = classes_of(found, folder, reading, f"the shapes of {path.name}", listed)
        super().__init__(
            path,
            classes,
            [picture.id for picture in pictures],
            [Drawing(picture.source, picture.size, _joined(picture, classes)) for picture in pictures],
            reading,
            described_in=described_in,
            notes=[*notes, *_about_left_out(pictures)],
        )


def _is_background(label: str) -> bool:
    return label.lower() in BACKGROUND_NAMES


def _is_object(shape: Labelled) -> bool:
    return shape.part is not None and not _is_background(shape.label)


def _joined(picture: LabelledPicture, classes: list[str]) -> list[Shape]:
    """The picture's objects; a group is at the place of its first part."""
    parts_of: dict[tuple[str, object], list[Labelled]] = defaultdict(list)
    for number, shape in enumerate(picture.shapes):
        if _is_object(shape):
            whole = ("shape", number) if shape.group is None else ("group", shape.group)
            parts_of[shape.label, whole].append(shape)
    return [
        Shape(classes.index(label), [one.part for one in parts], " and ".join(one.name for one in parts))
        for (label, _), parts in parts_of.items()
    ]


def _about_left_out(pictures: Sequence[LabelledPicture]) -> Iterator[Finding]:
    shapes = [(picture.source.name, shape) for picture in pictures for shape in picture.shapes]
    for kind in sorted({shape.kind for _, shape in shapes if shape.part is None}):
        where = [(name, shape.name) for name, shape in shapes if shape.kind == kind and shape.part is None]
        yield from left_out(where, f"{kind} (it has no area)", f"{kind}s (they have no area)")
    behind = [
        (name, shape) for name, shape in shapes if shape.part is not None and _is_background(shape.label)
    ]
    where = [(name, shape.name) for name, shape in behind]
    yield from left_out(where, "shape of the background", "shapes of the background")
