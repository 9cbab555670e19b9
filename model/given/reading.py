"""Reading: turns the JSON of an answer, perhaps edited, back into the finding that it was written from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from model.answers.finding import Finding
from model.answers.gate import LEAST_SCORE, Verdict
from model.given.complaints import TooManyObjects, UnusableObjects
from model.given.masks import PackedMasks, mask_of
from model.given.rings import Crossings
from model.given.schemas import GivenModel, GivenSegment, Objects
from model.pictures import Limits, Origin
from model.pictures.limits import check_size
from model.results.corrections import Correction
from model.results.result import ClassMap, Result
from model.results.segments import Segments
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest

MOST_OVERLAP = 32
"""The most pixels of all boxes together, as a multiple of the most pixels of a picture."""
_MOST_CROSSINGS = 4
"""The same of the rows that the edges of all rings cross; rings that do not overlap cross at most 2."""

_STEP = 1e-4  # of written scores
_LONGEST_ECHO = 40  # characters of the caller's text that are repeated in a message


@dataclass(frozen=True)
class GivenObjects:
    """Objects that a caller has sent.

    Attributes:
        result: the objects, best score first.
        manifest: only the name, version, task and classes of their model, which need not be loaded. A class
            of which nothing is known has an empty name.
        model: how the model was run.
        origin: the place of their image in its file.
        verdict: the verdict of the model's gate.
        warnings: those of the answer.
        colours: a colour for each object; None unless all have one.
        corrections: what people changed in the answer, the first change first.
    """

    result: Result
    manifest: Manifest
    model: GivenModel
    origin: Origin
    verdict: Verdict | None
    warnings: list[dict[str, str]]
    colours: list[tuple[int, int, int]] | None
    corrections: list[Correction]

    def finding(self, image: npt.NDArray[np.uint8] | None, stopwatch: Stopwatch) -> Finding:
        """The finding in `image`, uint8 (H, W, 3), RGB; None: no output shows the picture."""
        return Finding(
            np.zeros((0, 0, 3), np.uint8) if image is None else image,
            self.result,
            self.manifest,
            self.model.engine,
            self.model.precision,
            self.origin,
            self.model.chosen_by,
            self.verdict,
            stopwatch,
            arm=self.model.arm,
            colours=self.colours,
            corrections=self.corrections,
        )

    def check_picture(self, size: tuple[int, int]) -> None:
        """Raise UnusableObjects unless a picture of this (width, height) is as large as their image."""
        width, height = self.result.segments.size
        if size != (width, height):
            raise UnusableObjects(
                f"the picture has {size[0]} x {size[1]} pixels, but the objects are those of a picture of"
                f" {width} x {height}: send the same picture, and the page and channel of it"
            )


def read_objects(
    value: Any,
    limits: Limits,
    most_segments: int,
    manifest_of: Callable[[str, str], Manifest | None] = lambda name, version: None,
) -> GivenObjects:
    """The objects in the JSON of an answer.

    Segments may be in any order, and have any id of their own; scores are taken to be cut to 4 digits, as in
    answers.

    Args:
        value: the JSON as plain Python values, which may be hostile.
        limits: the limits on the image's size.
        most_segments: the most segments.
        manifest_of: returns the manifest of the model with this name and version, if it is known. Its classes
            then count too, even those that do not occur.

    Raises:
        UnusableObjects: something is not as in an answer; the message says what.
        PictureTooLarge: the image is larger than `limits` allows.
        TooManyObjects: more segments than `most_segments`, or too much to hold or to draw.
    """
    if isinstance(value, dict) and isinstance(segments := value.get("segments"), list):
        _check_count(len(segments), most_segments)
    try:
        objects = Objects.model_validate(value)
    except ValidationError as error:
        raise UnusableObjects(_complaint(error)) from error
    size = (objects.image.width, objects.image.height)
    check_size(size, limits)
    known = manifest_of(objects.model.name, objects.model.version)
    manifest = _manifest_of(objects, known)
    order = sorted(range(len(objects.segments)), key=lambda index: -objects.segments[index].score)
    segments = _segments_of(objects.segments, order, size, limits)
    class_map = _class_map_of(segments) if manifest.task == "semantic" else None
    left_out = (objects.found or 0) - len(segments) if objects.truncated else 0
    return GivenObjects(
        Result(segments, class_map, max(0, left_out)),
        manifest,
        objects.model,
        _origin_of(objects),
        _verdict_of(objects),
        [{"code": one.code, "message": one.message} for one in objects.warnings],
        _colours_of([objects.segments[index] for index in order]),
        objects.corrections,
    )


def _check_count(count: int, most: int) -> None:
    if count > most:
        raise TooManyObjects(f"there are {count:,} segments; at most {most:,} are accepted")


def _complaint(error: ValidationError) -> str:
    """What is wrong, in a sentence about the first error."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    words = [f"[{one}]" if isinstance(one, int) else f".{one[:_LONGEST_ECHO]}" for one in first["loc"]]
    name = "".join(words).removeprefix(".")
    if not name:
        return "the objects must be a JSON object, the answer of /api/v1/segment"
    if first["type"] == "missing":
        if first["loc"][-1] == "mask":
            return f"{name} is missing: ask for the answer with mask_format rle, polygon or png"
        if len(first["loc"]) == 1:  # probably another JSON altogether
            return f"{name} is missing: send the JSON answer of /api/v1/segment, as it came or edited"
        return f"{name} is missing: every answer of /api/v1/segment has it"
    return f"{name} is not as in an answer: {first['msg'][0].lower()}{first['msg'][1:]}"


def _manifest_of(objects: Objects, known: Manifest | None) -> Manifest:
    """The name, version, task and classes of the model."""
    model = objects.model
    if known and model.task not in (None, known.task):
        raise UnusableObjects(f"model.task is {model.task}, but that of {known.full_name} is {known.task}")
    classes = list(known.classes) if known else ["background"]
    ids = {name: class_id for class_id, name in enumerate(classes)}
    for index, segment in enumerate(objects.segments):
        name, class_id = segment.class_, segment.class_id
        classes += [""] * (class_id + 1 - len(classes))
        named = classes[class_id]
        if ids.get(name, class_id) != class_id or named not in ("", name):
            other = (
                f"class {class_id} is {named!r}"
                if named
                else f"{name[:_LONGEST_ECHO]!r} is class {ids[name]}"
            )
            raise UnusableObjects(
                f"segments[{index}] has the class {name[:_LONGEST_ECHO]!r} with the class_id {class_id}, but"
                f" {other}"
            )
        classes[class_id] = name
        ids[name] = class_id
    task = known.task if known else model.task or "instance"
    # Not validated: the answer does not have the rest, and no output needs it.
    return Manifest.model_construct(name=model.name, version=model.version, task=task, classes=classes)


def _segments_of(
    given: Sequence[GivenSegment], order: Sequence[int], size: tuple[int, int], limits: Limits
) -> Segments:
    """The segments in this order, the best score first."""
    _check_ids(given)
    boxes = np.array([one.box for one in given], np.int64).reshape(-1, 4)
    corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
    bad = np.flatnonzero((boxes[:, 2:] < 1).any(axis=1) | (corners[:, 2:] > size).any(axis=1))
    if len(bad):
        raise UnusableObjects(
            f"segments[{bad[0]}]: its box {boxes[bad[0]].tolist()} (x, y, width, height) is empty or exceeds"
            f" the image of {size[0]} x {size[1]} pixels"
        )
    total = int((boxes[:, 2] * boxes[:, 3]).sum())
    if total > MOST_OVERLAP * limits.max_pixels:
        raise TooManyObjects(
            f"the boxes of the segments have {total:,} pixels together; at most"
            f" {MOST_OVERLAP * limits.max_pixels:,} are accepted: send fewer large segments"
        )
    crossings = Crossings(_MOST_CROSSINGS * limits.max_pixels)
    masks = PackedMasks()
    for index, one in enumerate(given):
        x, y, width, height = one.box
        try:
            masks.append(mask_of(one.mask, (x, y, width, height), size, crossings))
        except UnusableObjects as error:
            raise UnusableObjects(f"segments[{index}]: {error}") from error
    return Segments(
        size=size,
        boxes=corners[order].astype(np.int32).reshape(-1, 4),
        class_ids=np.array([given[index].class_id for index in order], np.int32),
        scores=_likely_scores([given[index].score for index in order]),
        masks=masks.in_order(order),
        edited=np.array([given[index].edited for index in order], np.bool_),
        numbers=_numbers_of([given[index] for index in order]),
    )


def _numbers_of(given: Sequence[GivenSegment]) -> npt.NDArray[np.int32] | None:
    ids = [one.id for one in given if one.id is not None]
    return np.array(ids, np.int32) if len(ids) == len(given) else None


def _check_ids(given: Sequence[GivenSegment]) -> None:
    seen: set[int] = set()
    for index, one in enumerate(given):
        if one.id is None:
            continue
        if one.id in seen:
            raise UnusableObjects(
                f"segments[{index}] has the id {one.id} of a segment before it: give each segment its own id,"
                " or none"
            )
        seen.add(one.id)


def _likely_scores(written: Sequence[float]) -> npt.NDArray[np.float32]:
    """float32 (N,), scores that are written like these, and shown with two digits like those before.

    Answers cut scores to four digits. The middle of the scores that are written like 0.1450 is rounded to
    0.15, like nearly all of them; the lowest, 0.145 itself, would be rounded to 0.14.
    """
    cut = np.floor(np.array(written, np.float64) / _STEP + 1e-6)
    return np.minimum(1, (cut + 0.5) * _STEP).astype(np.float32)


def _class_map_of(segments: Segments) -> ClassMap:
    """The classes of the pixels. In a pixel of several segments, the one with the best score counts."""
    width, height = segments.size
    labels = np.zeros((height, width), np.uint16)
    areas = segments.areas()
    means: dict[int, float] = {}
    for index in reversed(range(len(segments))):
        x1, y1, x2, y2 = segments.boxes[index]
        labels[y1:y2, x1:x2][segments.masks[index].view(np.bool_)] = segments.class_ids[index]
    for class_id in np.unique(segments.class_ids).tolist():
        of_class = segments.class_ids == class_id
        weights = np.maximum(areas[of_class], 1)
        means[class_id] = float(np.average(segments.scores[of_class], weights=weights))
    return ClassMap(labels, means)


def _origin_of(objects: Objects) -> Origin:
    image = objects.image
    pixel_size = (image.pixel_size.x, image.pixel_size.y) if image.pixel_size else None
    if image.projection is not None:
        return Origin(image.pages, None, image.channels, image.projection, pixel_size)
    return Origin(image.pages, image.page or 0, image.channels, "none", pixel_size)


def _verdict_of(objects: Objects) -> Verdict | None:
    gate = objects.gate
    return Verdict(gate.score >= LEAST_SCORE, gate.label, gate.score) if gate else None


def _colours_of(given: Sequence[GivenSegment]) -> list[tuple[int, int, int]] | None:
    colours = [tuple(bytes.fromhex(one.colour[1:])) for one in given if one.colour is not None]
    if len(colours) < len(given):
        return None
    return [(red, green, blue) for red, green, blue in colours]


def memory_of(objects: GivenObjects) -> int:
    """An upper bound of the bytes that the objects, one mask and the pixels of a map or two take."""
    segments = objects.result.segments
    width, height = segments.size
    sides = (segments.boxes[:, 2:] - segments.boxes[:, :2]).astype(np.int64)
    areas = sides[:, 0] * sides[:, 1]
    return int(areas.sum()) // 8 + 8 * int(areas.max(initial=0)) + 6 * math.prod((width, height))
