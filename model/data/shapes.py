"""Shapes: objects as polygons, run lengths or masks, and the base class of data sets of these."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from model.data.annotated import Annotated, Truth
from model.data.findings import Finding, counted, number_of
from model.data.reading import Reading
from model.data.run_lengths import checked
from model.data.sample import DataError
from model.data.sources import Source
from model.results.masks import Mask

MIN_POLYGON_COORDINATES = 6  # three points; pycocotools would read a list of four numbers as a box
FARTHEST = 100_000
"""Pixels: the largest coordinate of a polygon. Pycocotools allocates memory for its whole edge."""
THIN = 2.0
"""Pixels: a polygon at most this wide or high may cover no pixel; a larger one covers some."""
BEYOND = 1.5
"""Pixels by which an outline may exceed the picture, for example if it is drawn along the edge."""


@dataclass(frozen=True)
class LocalMask:
    """A mask whose upper left pixel is at (x, y): uint8 of 0 and 1."""

    x: int
    y: int
    mask: Mask


@dataclass(frozen=True, slots=True)
class Fractions:
    """A polygon whose x, y, x, y, … are fractions of the picture's width and height."""

    outline: list[float]

    def in_pixels(self, size: tuple[int, int]) -> list[float]:
        """The polygon in pixels of a picture of this (width, height)."""
        return [value * size[axis % 2] for axis, value in enumerate(self.outline)]


@dataclass(frozen=True, slots=True)
class Shape:
    """One annotated object.

    Attributes:
        class_id: its class, from 1.
        parts: polygons (x, y, x, y, … in pixels of the image), Fractions, COCO's run lengths or LocalMasks;
            the object is their union.
        name: identifies the shape within its picture, for messages.
        is_crowd: whether it covers many objects that are not annotated singly.
    """

    class_id: int
    parts: Sequence[Any]
    name: str
    is_crowd: bool = False


@dataclass(frozen=True, slots=True)
class Drawing:
    """The annotations of one picture.

    Attributes:
        source: the picture's file.
        size: (width, height) of the picture when it was annotated; None if the data do not record it.
        shapes: the objects.
        ignored: areas whose content is not annotated.
    """

    source: Source
    size: tuple[int, int] | None
    shapes: Sequence[Shape]
    ignored: Sequence[Shape] = ()


class DrawnShapes(Annotated):
    """A data set of drawings. Shapes that cover no pixel are left out; crowds are separate from objects."""

    def __init__(
        self,
        path: Path,
        classes: Sequence[str],
        ids: Sequence[str],
        drawings: Sequence[Drawing],
        reading: Reading,
        *,
        described_in: str,
        notes: Sequence[Finding] = (),
    ) -> None:
        """`described_in` names the file with the sizes, for messages; `notes` are findings about it."""
        super().__init__(path, classes, ids, [drawing.source for drawing in drawings], reading)
        self.drawings = drawings
        self._described_in = described_in
        self._notes = notes

    def truth(self, index: int, size: tuple[int, int]) -> Truth:
        drawing = self.drawings[index]
        objects = [shape for shape in drawing.shapes if not shape.is_crowd]
        crowds = [shape for shape in drawing.shapes if shape.is_crowd]
        crowds += [  # predictions of any class are ignored there
            Shape(class_id, shape.parts, shape.name, is_crowd=True)
            for shape in drawing.ignored
            for class_id in range(1, len(self.classes))
        ]
        return Truth(*self._decoded(objects, size), *self._decoded(crowds, size))

    def class_ids(self, index: int) -> list[int]:
        """As in `Annotated`, but an outline that covers no pixel is included if it has three points."""
        shapes = [shape for shape in self.drawings[index].shapes if not shape.is_crowd]
        return [shape.class_id for shape in shapes if not all(map(_is_short, shape.parts))]

    def _is_empty(self, index: int) -> bool:
        drawing = self.drawings[index]
        return not drawing.shapes and not drawing.ignored

    def _decoded(
        self, shapes: Sequence[Shape], size: tuple[int, int]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], list[Mask]]:
        """Boxes int32 (N, 4), class ids int32 (N,) and N box-local masks, without those that are empty."""
        boxes, class_ids, masks = [], [], []
        for shape in shapes:
            rle = self._rle(shape, size)
            if rle is None:
                continue
            x, y, width, height = coco_mask.toBbox(rle).astype(int)
            boxes.append((x, y, x + width, y + height))
            class_ids.append(shape.class_id)
            # A copy, so that the crop does not keep the whole image's mask in memory.
            masks.append(coco_mask.decode(rle)[y : y + height, x : x + width].copy(order="C"))
        return np.array(boxes, np.int32).reshape(-1, 4), np.array(class_ids, np.int32), masks

    def _rle(self, shape: Shape, size: tuple[int, int]) -> dict[str, Any] | None:
        try:
            return to_rle(shape.parts, size)
        except DataError as error:
            raise DataError(f"{self._described_in}: {shape.name} {error}") from error

    def _fits(self, index: int, size: tuple[int, int]) -> bool:
        drawing = self.drawings[index]
        if drawing.size is not None:
            return drawing.size == size
        right, bottom = _extent(drawing.shapes)  # fractions fit any size
        return right <= size[0] + BEYOND and bottom <= size[1] + BEYOND

    def _misfit(self, index: int, size: tuple[int, int]) -> str | None:
        """None if the data have no size: shapes that exceed the picture are then clipped."""
        drawn_on = self.drawings[index].size
        if drawn_on is None:
            return None
        hint = "; the picture seems to be rotated by 90°" if drawn_on == size[::-1] else ""
        return (
            f"{self.sources[index].name} is {size[0]} x {size[1]} pixels, "
            f"but {self._described_in} says {drawn_on[0]} x {drawn_on[1]}{hint}"
        )

    def _label_findings(self) -> Iterator[Finding]:
        yield from self._notes
        short, without_pixels, beyond, damaged, empty = [], [], [], [], []
        for index, drawing in enumerate(self.drawings):
            name = drawing.source.name
            if not drawing.shapes:
                empty.append(name)
            try:
                size = drawing.size or self.size(index)
            except DataError:  # found with the pictures
                continue
            shapes = [_in_pixels(shape, size) for shape in drawing.shapes]
            right, bottom = _extent(shapes)
            if max(right - size[0], bottom - size[1]) > BEYOND:
                beyond.append(name)
            for shape in shapes:
                if any(_is_short(part) for part in shape.parts):
                    short.append((name, shape.name))
                try:
                    if all(map(_is_short, shape.parts)):
                        continue
                    if _may_cover_nothing(shape, size) and self._rle(shape, size) is None:
                        without_pixels.append((name, shape.name))
                except DataError as error:
                    damaged.append(str(error))
        yield from counted(damaged, "mask is invalid", "masks are invalid", refused=True)
        yield from left_out(
            short, "polygon of fewer than three points", "polygons of fewer than three points"
        )
        yield from left_out(without_pixels, "object that covers no pixel", "objects that cover no pixel")
        yield from counted(
            beyond,
            "picture has outlines that exceed it and are clipped at its edge",
            "pictures have outlines that exceed them and are clipped at their edge",
            advice="Check that the pictures have the size and orientation with which they were annotated",
        )
        yield from counted(
            empty,
            "picture has no object: training uses it as background",
            "pictures have no object: training uses them as background",
        )


def to_rle(parts: Sequence[Any], size: tuple[int, int]) -> dict[str, Any] | None:
    """COCO's compressed run lengths of the union of a shape's parts; None if it covers no pixel.

    Args:
        parts: as in `Shape`.
        size: (width, height) of the picture.

    Raises:
        DataError: run lengths do not add up to the picture's pixels (pycocotools would decode random ones).
    """
    width, height = size
    parts = [part.in_pixels(size) if isinstance(part, Fractions) else part for part in parts]
    polygons = [part for part in parts if isinstance(part, list) and len(part) >= MIN_POLYGON_COORDINATES]
    rles = list(coco_mask.frPyObjects(polygons, height, width)) if polygons else []
    for part in parts:
        if isinstance(part, dict):
            rles.append(checked(part, height, width))
        elif isinstance(part, LocalMask):
            rles.append(coco_mask.encode(np.asfortranarray(_pasted(part, size))))
    merged = coco_mask.merge(rles) if rles else None
    return merged if merged is not None and coco_mask.area(merged) else None


def is_polygon(polygon: Any) -> bool:
    """Whether the value is a list of x, y, x, y, … that can be drawn."""
    return (
        isinstance(polygon, list)
        and set(map(type, polygon)) <= {int, float}
        and len(polygon) % 2 == 0
        and math.isfinite(sum(polygon))
        and max(map(abs, polygon), default=0) <= FARTHEST
    )


def size_of(width: Any, height: Any) -> tuple[int, int] | None:
    """(width, height) if these can be the sides of a picture in pixels, else None."""
    are_sides = all(type(side) is int and 0 < side <= FARTHEST for side in (width, height))
    return (width, height) if are_sides else None


def left_out(where: Sequence[tuple[str, str]], one: str, many: str, *, advice: str = "") -> list[Finding]:
    """A finding about shapes that are left out, as (name of the file, name of the shape); none if empty."""
    shapes_of = defaultdict(list)
    for file, shape in where:
        shapes_of[file].append(shape)
    named = [f"{file} ({', '.join(shapes)})" for file, shapes in shapes_of.items()]
    return [Finding(f"left out: {number_of(len(where), one, many)}", named, advice=advice)] if where else []


def _in_pixels(shape: Shape, size: tuple[int, int]) -> Shape:
    """The shape, with polygons in pixels instead of Fractions."""
    if not any(isinstance(part, Fractions) for part in shape.parts):
        return shape
    parts = [part.in_pixels(size) if isinstance(part, Fractions) else part for part in shape.parts]
    return Shape(shape.class_id, parts, shape.name, shape.is_crowd)


def _is_short(part: Any) -> bool:
    part = part.outline if isinstance(part, Fractions) else part
    return isinstance(part, list) and len(part) < MIN_POLYGON_COORDINATES


def _pasted(part: LocalMask, size: tuple[int, int]) -> Mask:
    """uint8 (H, W): the mask placed in the picture and clipped at its edge."""
    plane = np.zeros(size[::-1], np.uint8)
    x1, y1 = max(part.x, 0), max(part.y, 0)
    x2, y2 = min(part.x + part.mask.shape[1], size[0]), min(part.y + part.mask.shape[0], size[1])
    if x1 < x2 and y1 < y2:
        plane[y1:y2, x1:x2] = part.mask[y1 - part.y : y2 - part.y, x1 - part.x : x2 - part.x]
    return plane


def _extent(shapes: Sequence[Shape]) -> tuple[float, float]:
    """The largest x and y of the shapes' polygons, in pixels."""
    polygons = [part for shape in shapes for part in shape.parts if isinstance(part, list) and part]
    return (
        max((max(polygon[0::2]) for polygon in polygons), default=0),
        max((max(polygon[1::2]) for polygon in polygons), default=0),
    )


def _may_cover_nothing(shape: Shape, size: tuple[int, int]) -> bool:
    """Whether the shape must be drawn to find out: drawing all shapes of COCO would take minutes."""
    for part in shape.parts:
        if not isinstance(part, list):
            return True  # run lengths are validated too, which is fast
        xs, ys = part[0::2], part[1::2]
        if len(part) >= MIN_POLYGON_COORDINATES and _is_stout(xs, ys) and _is_inside(xs, ys, size):
            return False
    return True


def _is_stout(xs: list[float], ys: list[float]) -> bool:
    corners = zip(xs, ys, xs[1:] + xs[:1], ys[1:] + ys[:1], strict=True)
    twice_the_area = abs(sum(x1 * y2 - x2 * y1 for x1, y1, x2, y2 in corners))
    return twice_the_area > 2 * THIN * max(max(xs) - min(xs), max(ys) - min(ys))


def _is_inside(xs: list[float], ys: list[float], size: tuple[int, int]) -> bool:
    return min(xs) >= 0 and min(ys) >= 0 and max(xs) <= size[0] and max(ys) <= size[1]
