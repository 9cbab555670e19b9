"""What uWSGI serves to the page's tests: models whose objects are known, whatever the picture."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from flask import Flask
from stub_segmenter import NOTHING_FAMILIAR
from stub_server import MoodySegmenter

from app import create_app
from model.results.result import ClassMap, Result, Wishes
from model.results.segments import Segments


@dataclass(frozen=True)
class Known:
    """An object: a box of the picture, with a hole in its middle or without."""

    name: str
    score: float
    box: tuple[int, int, int, int]  # x, y, width, height
    hole: bool = False

    @property
    def area(self) -> int:
        width, height = self.box[2:]
        return width * height * 3 // 4 if self.hole else width * height

    @property
    def middle(self) -> tuple[float, float]:
        x, y, width, height = self.box
        return x + width / 2, y + height / 2

    def mask(self) -> np.ndarray:
        width, height = self.box[2:]
        mask = np.ones((height, width), np.uint8)
        if self.hole:
            mask[height // 4 : -height // 4, width // 4 : -width // 4] = 0
        return mask


KNOWN = "tests.page.known_models:create_known_app()"  # to uWSGI
CLASSES = ["background", "cell", "fibre", "debris"]
THRESHOLD = 0.5
OBJECTS = (
    Known("cell", 0.95, (20, 20, 60, 40)),
    Known("fibre", 0.9, (100, 20, 100, 20)),
    Known("cell", 0.8, (20, 80, 40, 40), hole=True),
    Known("debris", 0.7, (100, 60, 30, 30)),
    Known("fibre", 0.6, (150, 60, 20, 80)),
    Known("cell", 0.45, (20, 140, 20, 20)),
    Known("debris", 0.3, (60, 140, 10, 12)),
    Known("cell", 0.2, (200, 140, 24, 30)),
)
LEAF = Known("leaf", 0.99, (50, 50, 100, 60))
# All that has a class, of a picture of 240 x 180 pixels.
GROUND = (Known("grass", 0.9, (0, 90, 240, 90)), Known("path", 0.8, (0, 0, 24, 18)))
SHARES = {"grass": "50 %", "path": "1.0 %"}
DOUBTS = "This picture does not look like those that leaves was trained on (leaves on a table)."
# More than can be asked for at once, where that is a thousand.
CROWD = tuple(Known("leaf", 0.9, (6 * column, 6 * row, 4, 4)) for row in range(28) for column in range(40))


class KnownSegmenter(MoodySegmenter):
    """Finds these objects, as far as they are wished for."""

    def __init__(self, name: str, classes: list[str], objects: tuple[Known, ...], **manifest: Any) -> None:
        seconds = float(os.environ.get("STUB_SECONDS", "0"))
        super().__init__(name, seconds, version="7", classes=classes, threshold=THRESHOLD, **manifest)
        self._objects = objects

    def predict(self, image: np.ndarray, wishes: Wishes, *, size: tuple[int, int], **how: Any) -> Result:
        super().predict(image, wishes, size=size, **how)
        names = self.bundle.manifest.classes
        threshold = THRESHOLD if wishes.threshold is None else wishes.threshold
        every = [
            known
            for known in self._objects
            if known.score >= threshold and known.name in (wishes.classes or names)
        ]
        found = every[: self.bundle.manifest.most_segments(wishes, size)]
        corners = [(x, y, x + width, y + height) for x, y, width, height in (known.box for known in found)]
        segments = Segments(
            size=size,
            boxes=np.array(corners, np.int32).reshape(-1, 4),
            class_ids=np.array([names.index(known.name) for known in found], np.int32),
            scores=np.array([known.score for known in found], np.float32),
            masks=[known.mask() for known in found],
        )
        return Result(segments, self._class_map(segments), len(every) - len(found))

    def _class_map(self, segments: Segments) -> ClassMap | None:
        """Of a semantic model, what its segments were made from."""
        if self.bundle.manifest.task != "semantic":
            return None
        width, height = segments.size
        labels = np.zeros((height, width), np.uint16)
        for (x1, y1, x2, y2), class_id in zip(segments.boxes, segments.class_ids, strict=True):
            labels[y1:y2, x1:x2] = class_id
        means = dict(zip(segments.class_ids.tolist(), segments.scores.tolist(), strict=True))
        return ClassMap(labels, means, (labels == 1).astype(np.uint8) * 255)


def create_known_app() -> Flask:
    return create_app(
        {
            "known": KnownSegmenter("known", CLASSES, OBJECTS),
            "leaves": KnownSegmenter(
                "leaves",
                ["background", "leaf"],
                (LEAF,),
                description="Leaves on a table.",
                known_pictures=NOTHING_FAMILIAR,
            ),
            "crowd": KnownSegmenter("crowd", ["background", "leaf"], CROWD),
            "ground": KnownSegmenter(
                "ground", ["background", *SHARES], GROUND, task="semantic", family="semantic"
            ),
        }
    )
