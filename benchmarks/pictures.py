"""Growth of time and memory with the size of the picture and the number of objects."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from model.engines.timing import median_ms
from model.families.mask_rcnn.anchors import level_sizes, pyramid_anchors
from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.inference import Features, find_segments
from model.families.mask_rcnn.molding import mold
from model.formats.json import segments_to_json
from model.mrcnn import Config
from model.pictures import read
from model.results.result import USUAL_CEILING
from model.segmenter import load

SAMPLE = Path(__file__).parents[1] / "app" / "static" / "samples" / "fluorescence.png"
TISSUE = SAMPLE.with_name("tissue.png")
MEGAPIXELS = (0.25, 1, 4, 12, 24)
OBJECTS = (1, 25, 100, 200, 400)
MASKS, PHOTO_SHAPE = 92, (3000, 4000)


def growth() -> list[dict[str, Any]]:
    """Time for nuclei in pictures of increasing size, keeping all, and for increasing numbers of objects."""
    segmenter = load("nuclei")
    rows: list[dict[str, Any]] = []

    def note(picture: str, megapixels: float, objects: int, milliseconds: float) -> None:
        row = {"picture": picture, "megapixels": megapixels, "objects": objects}
        rows.append({**row, "milliseconds": round(milliseconds)})

    for path in (SAMPLE, TISSUE):
        for megapixels in MEGAPIXELS:
            field = mosaic_of(path, megapixels)
            start = time.perf_counter()
            found = segmenter.segment(field, max_segments=USUAL_CEILING)
            note(path.stem, megapixels, len(found), (time.perf_counter() - start) * 1000)
    crowd = cv2.resize(np.tile(read(SAMPLE), (3, 3, 1)), (1000, 1000))
    for count in OBJECTS:
        objects = len(segmenter.segment(crowd, max_segments=count))
        milliseconds = median_ms(lambda count=count: segmenter.segment(crowd, max_segments=count))
        note("small nuclei", 1.0, objects, milliseconds)
    return rows


def mosaic_of(path: Path, megapixels: float) -> npt.NDArray[np.uint8]:
    """A square picture of `megapixels`, tiled with copies of the picture at `path`: uint8 (H, W, 3), RGB."""
    sample = read(path)
    side = round((megapixels * 1e6) ** 0.5)
    copies = -(-side // min(sample.shape[:2]))
    return np.tile(sample, (copies, copies, 1))[:side, :side]


def masks_of_a_large_photo() -> dict[str, Any]:
    """Time and memory from the heads' raw output to the JSON text, for 92 objects on 12 megapixels."""
    photo = np.zeros((*PHOTO_SHAPE, 3), np.uint8)
    config = Config(num_classes=81, image_resize_mode="fit64", detection_min_confidence=0.5)
    names = ["background", *(f"class {index}" for index in range(1, 81))]
    raw_heads = _RawHeads(mold(photo, config).shape, config)
    found = []

    def answer() -> str:
        found[:] = [find_segments(raw_heads, photo, config).segments]
        return json.dumps({"segments": segments_to_json(found[0], names)})

    milliseconds = median_ms(answer)
    tracemalloc.start()
    answer()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "masks": len(found[0]),
        "mean_box_pixels": round(float(np.mean([mask.size for mask in found[0].masks]))),
        "milliseconds": round(milliseconds),
        "megabytes": round(peak / 1e6),
    }


class _RawHeads:
    """Stages that take no time and return 92 objects of all sizes, smooth blobs of different classes."""

    few_shapes = False

    def __init__(self, shape: tuple[int, int], config: Config) -> None:
        rng = np.random.default_rng(0)
        anchors = pyramid_anchors(config, *shape)
        inside = np.flatnonzero((anchors >= 0).all(axis=1) & (anchors <= 1).all(axis=1))
        large = inside[inside >= level_sizes(config, *shape)[0]]  # not from P2: its objects are tiny
        self.objectness = np.full((1, len(anchors)), -10, np.float32)
        self.objectness[0, rng.choice(large, MASKS * 2, replace=False)] = rng.uniform(5, 9, MASKS * 2)
        self.deltas = np.zeros((1, len(anchors), 4), np.float32)
        self.classes = config.num_classes
        blob = cv2.GaussianBlur(rng.random((28, 28), np.float32), (0, 0), 3)
        edge = np.hypot(*np.mgrid[-1:1:28j, -1:1:28j]) < 0.9
        self.blob = (cv2.normalize(blob, None, 0.4, 1, cv2.NORM_MINMAX) * edge).astype(np.float32)

    def trunk(self, picture: Floats) -> tuple[Features, Floats, Floats]:
        """See `inference.Stages`."""
        return Features(None, picture.shape[1:3]), self.objectness, self.deltas

    def box_head(self, features: Features, rois: Floats) -> tuple[Floats, Floats]:
        """See `inference.Stages`."""
        logits = np.zeros((1, rois.shape[1], self.classes), np.float32)
        logits[0, :, 0] = 20
        slots = np.arange(min(MASKS, rois.shape[1]))
        logits[0, slots, 1 + slots % (self.classes - 1)] = 30
        return logits, np.zeros((1, rois.shape[1], self.classes, 4), np.float32)

    def mask_head(self, features: Features, rois: Floats, class_ids: npt.NDArray) -> Floats:
        """See `inference.Stages`."""
        return np.repeat(self.blob[None, None], rois.shape[1], axis=1)
