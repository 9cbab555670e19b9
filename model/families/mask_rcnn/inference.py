"""Inference: runs one picture through the three stages, with some NumPy between them."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import nullcontext
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from model.families.family import Turn
from model.families.mask_rcnn.anchors import level_sizes, pyramid_anchors
from model.families.mask_rcnn.boxes import Floats
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.detections import Detections, refine
from model.families.mask_rcnn.fit import Fit, fit_of
from model.families.mask_rcnn.molding import GreyRange, Molded, mold
from model.families.mask_rcnn.proposals import propose
from model.results.masks import paste
from model.results.result import Result
from model.results.segments import Segments
from model.stopwatch import Stopwatch


class Features(NamedTuple):
    """P2…P5 of one picture, for the heads.

    Attributes:
        cells: (1, cells, C), see `roi_align.cells_of`, in the engine's own form.
        picture_shape: height and width of the picture that the trunk saw.
    """

    cells: Any
    picture_shape: tuple[int, ...]


class Stages(Protocol):
    """The network as an engine runs it.

    Attributes:
        few_shapes: whether a new picture shape is so expensive for the engine that there should be few.
    """

    @property
    def few_shapes(self) -> bool: ...

    def trunk(self, picture: Floats) -> tuple[Features, Floats, Floats]:
        """(1, H, W, 3) → features, objectness logits (1, A), deltas (1, A, 4)."""

    def box_head(self, features: Features, rois: Floats) -> tuple[Floats, Floats]:
        """Features and RoIs (1, R, 4) → class logits (1, R, classes), deltas (1, R, classes, 4)."""

    def mask_head(self, features: Features, rois: Floats, class_ids: np.ndarray) -> Floats:
        """Features, RoIs (1, D, 4) and int32 (1, D) → mask probabilities (1, D, 28, 28)."""


def find_segments(
    stages: Stages,
    image: npt.NDArray[np.uint8],
    config: Config,
    *,
    class_ids: Collection[int] | None = None,
    fit: Fit | None = None,
    grey_range: GreyRange | None = None,
    stopwatch: Stopwatch | None = None,
    turn: Turn = nullcontext,
) -> Result:
    """The objects of an RGB image (H, W, 3), in its pixels; objects whose mask is empty are dropped.

    Objects beyond the most instances wanted are counted in `left_out` without making their masks, so some
    of those may be empty.

    Args:
        stages: the network.
        image: uint8 (H, W, 3), RGB.
        config: the network's, with the least confidence and the most instances wanted here.
        class_ids: keep only these; None: all.
        fit: of the picture, if `image` is a reduced copy; the result is in its pixels. None: of `image`.
        grey_range: of the whole picture, if `image` is a part of it (see `mold`).
        stopwatch: measures the stages "infer" and "masks".
        turn: returns a context manager that is held while the network computes.
    """
    stopwatch = stopwatch or Stopwatch()
    fit = fit or fit_of((image.shape[1], image.shape[0]), config, stages.few_shapes)
    width, height = fit.size
    with turn(), stopwatch.measure("infer"):
        molded = mold(image, config, fit, grey_range)
        detections, probabilities = infer(stages, molded, config, class_ids)
    with stopwatch.measure("masks"):
        boxes = molded.to_image_boxes(detections.boxes)[:, [1, 0, 3, 2]]
        boxes = np.clip(boxes, 0, [width, height] * 2).astype(np.int32)
        masks = {
            index: paste(probabilities[index], x2 - x1, y2 - y1)
            for index, (x1, y1, x2, y2) in enumerate(boxes.tolist())
            if x1 < x2 and y1 < y2
        }
        kept = np.array([index for index, mask in masks.items() if mask.any()], np.int64)
        segments = Segments(
            size=(width, height),
            boxes=boxes[kept],
            class_ids=detections.class_ids[kept],
            scores=detections.scores[kept],
            masks=[masks[index] for index in kept],
        )
        return Result(segments, left_out=detections.left_out)


def infer(
    stages: Stages, molded: Molded, config: Config, class_ids: Collection[int] | None = None
) -> tuple[Detections, Floats]:
    """The objects of one picture, of the given classes (None: all), and their masks.

    The masks are probabilities, float32 (D, 28, 28); the mask head runs only for these D objects.
    """
    features, objectness, deltas = stages.trunk(molded.picture)
    anchors = pyramid_anchors(config, *molded.shape)
    rois = propose(
        objectness[0],
        deltas[0],
        anchors,
        config,
        config.post_nms_rois_inference,
        level_sizes(config, *molded.shape),
        config.rpn_min_confidence,
    )
    if not len(rois):
        return Detections.none(), np.zeros((0, *config.mask_shape), np.float32)
    logits, box_deltas = stages.box_head(features, rois[None])
    detections = refine(rois, logits[0], box_deltas[0], molded.normalized_window, config, class_ids)
    if not len(detections):
        return detections, np.zeros((0, *config.mask_shape), np.float32)
    masks = stages.mask_head(features, detections.boxes[None], detections.class_ids[None])
    return detections, masks[0]


def unmold(molded: Molded, detections: Detections, probabilities: Floats) -> dict[str, npt.NDArray]:
    """The objects of one picture in the form of `MaskRCNN.detect`, without those of no extent.

    Args:
        molded: the picture.
        detections: its D objects.
        probabilities: their masks (D, 28, 28), see `infer`.
    """
    width, height = molded.fit.size
    rois = molded.to_image_boxes(detections.boxes)
    seen = np.flatnonzero((rois[:, 2] > rois[:, 0]) & (rois[:, 3] > rois[:, 1]))
    masks = np.zeros((height, width, len(seen)), bool)
    for slot, index in enumerate(seen):
        y1, x1, y2, x2 = rois[index]
        masks[y1:y2, x1:x2, slot] = paste(probabilities[index], x2 - x1, y2 - y1)
    return {
        "rois": rois[seen],
        "class_ids": detections.class_ids[seen],
        "scores": detections.scores[seen],
        "masks": masks,
    }
