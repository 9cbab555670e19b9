"""Segmenter: a loaded model that turns a picture into Segments."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from model import catalog, tiles
from model.catalog import Bundle, BundleError, Manifest
from model.engines.choice import Choice, ChoiceError, choices
from model.families.mask_rcnn.inference import Stages, find_segments
from model.families.mask_rcnn.molding import (
    full_scale_of,
    grey_range_of,
    largest_picture,
    scale_of,
    scaled_shape,
)
from model.pictures import check_rgb
from model.result import Result, Wishes
from model.segments import Segments
from model.stopwatch import Stopwatch

LOG = logging.getLogger(__name__)
SELF_TEST = "selftest.npz"
SELF_TEST_BOX_TOLERANCE = 3  # pixels
SELF_TEST_SCORE_TOLERANCE = 0.05
SELF_TEST_FILL_TOLERANCE = 0.2  # share of the box that the mask covers
MOST_TILES = 64
"""About so many at most: a picture that needs more (of 1 x 5,000 pixels, say) shrinks, or takes minutes."""
JOINED = 4
"""Of all tiles' segments the best are joined across seams, so many times as are wanted: each is compared with
its neighbours, and a low threshold finds tens of thousands."""
SEAM_THRESHOLD = 0.1
"""Parts of objects that a seam has cut are joined from this score on, whatever threshold is asked for: a part
scores less than the whole, and an object should look the same to each who asks."""


class UnknownClass(ValueError):
    """A class that the model does not know."""


class Engine(Stages, Protocol):
    """Stages that say what runs them."""

    name: str
    precision: str


class Segmenter:
    """A bundle and the engine that runs it.

    Any number of threads may call `segment` at once; one at a time is fastest, as each uses all threads.

    Attributes:
        bundle: the model.
        stages: the network, as its engine runs it.
        engine: the name of that, "openvino" or "tensorflow".
        precision: of its arithmetic, "f32", "bf16" or "int8".
    """

    def __init__(self, bundle: Bundle, stages: Engine) -> None:
        self.bundle = bundle
        self.engine = stages.name
        self.precision = stages.precision
        self.stages = stages
        self._config = bundle.config

    def predict(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Wishes,
        *,
        size: tuple[int, int],
        stopwatch: Stopwatch,
        before_each_tile: Callable[[], None],
    ) -> Result:
        """What is in one picture; see `segment`."""
        return Result(
            self.segment(
                image,
                threshold=wishes.threshold,
                classes=wishes.classes,
                max_segments=wishes.max_segments,
                size=size,
                stopwatch=stopwatch,
                before_each_tile=before_each_tile,
            )
        )

    def segment(
        self,
        image: npt.NDArray[np.uint8],
        *,
        threshold: float | None = None,
        classes: Sequence[str] | None = None,
        max_segments: int | None = None,
        size: tuple[int, int] | None = None,
        stopwatch: Stopwatch | None = None,
        before_each_tile: Callable[[], None] = lambda: None,
    ) -> Segments:
        """Find the objects in one picture.

        Args:
            image: uint8 (H, W, 3), RGB.
            threshold: lowest score kept, 0 to 1; the model's own if None.
            classes: names to keep; all if None.
            max_segments: keep at most this many, the best; the model's own if None.
            size: (width, height) of the picture that `image` is a reduced copy of, no less than `enough`
                says; the segments are in its pixels. None: `image` is the picture.
            stopwatch: measures the stages "infer" and "masks".
            before_each_tile: called so; what it raises ends the work on a picture that takes too long.

        Raises:
            UnknownClass: `classes` has a name that the model does not know; says which it knows.
            ValueError: `image` is of another shape or dtype, or no copy that `enough` allows;
                `max_segments` is less than 1.
        """
        check_rgb(image)
        if max_segments is not None and max_segments < 1:
            raise ValueError(f"max_segments is at least 1, not {max_segments}")
        manifest = self.bundle.manifest
        config = dataclasses.replace(
            self._config,
            detection_min_confidence=manifest.threshold if threshold is None else threshold,
            detection_max_instances=max_segments or manifest.max_segments,
        )
        class_ids = None if classes is None else self._ids_of(classes)
        stopwatch = stopwatch or Stopwatch()
        width, height = size or (image.shape[1], image.shape[0])
        self._check_pixels(image, (width, height))
        parts = self._tiles(width, height)
        least = config.detection_min_confidence
        if len(parts) > 1:
            config = dataclasses.replace(config, detection_min_confidence=min(least, SEAM_THRESHOLD))
        grey_range = grey_range_of(image, config)
        answers = []
        for part in parts:
            before_each_tile()
            found = find_segments(
                self.stages,
                part.of(image),
                config,
                class_ids=class_ids,
                size=part.size,  # of a reduced copy there is one part, which holds all of it
                grey_range=grey_range,
                stopwatch=stopwatch,
            )
            answers.append(found)
        if len(parts) == 1:
            return answers[0]
        with stopwatch.measure("masks"):
            most = config.detection_max_instances
            whole = tiles.join(parts, tiles.best(answers, JOINED * most), (width, height))
            return whole.select(np.flatnonzero(whole.scores >= np.float32(least))[:most])

    def enough(self, size: tuple[int, int]) -> tuple[int, int]:
        """To what (width, height) a picture of `size` may be reduced without a loss to the network.

        That is what the network sees of it, where it shrinks anyway; else `size` itself. Matterport's modes
        promise Matterport's very numbers, and a range of grey levels is that of the picture's own pixels.
        """
        width, height = size
        config = self._config
        if (
            config.image_resize_mode != "fit64"
            or config.image_normalization == "contrast"
            or scale_of(height, width, config) >= 1
            or len(self._tiles(width, height)) > 1
        ):
            return size
        seen_height, seen_width = scaled_shape(height, width, config)
        return seen_width, seen_height

    def self_test(self) -> None:
        """Raise BundleError unless the model still finds what it found when the bundle was made.

        A bundle without a self-test must at least answer for a blank picture.
        """
        path = self.bundle.folder / SELF_TEST
        if not path.exists():
            self.segment(np.zeros((64, 64, 3), np.uint8))
            return
        with np.load(path) as test:
            found = self.segment(test["image"])
            _compare(self.bundle.manifest, found, test)

    def _check_pixels(self, image: npt.NDArray[np.uint8], size: tuple[int, int]) -> None:
        """Raise ValueError unless `image` is a picture of `size`, or a copy with `enough` of its pixels."""
        height, width = image.shape[:2]
        least_width, least_height = self.enough(size)
        if not (least_width <= width <= size[0] and least_height <= height <= size[1]):
            raise ValueError(
                f"a copy of a picture of {size[0]} x {size[1]} pixels has {least_width} x {least_height} of "
                f"them at least for the model {self.bundle.manifest.name}, not {width} x {height}"
            )

    def _tiles(self, width: int, height: int) -> list[tiles.Tile]:
        overlap = self.bundle.manifest.tile_overlap
        if overlap is None:
            return [tiles.Tile(0, 0, width, height)]
        side = max(
            int(self._config.image_max_dim / full_scale_of(height, width, self._config)),
            math.isqrt(width * height // MOST_TILES),
            max(width, height) // MOST_TILES,
        )
        return tiles.cut(width, height, side, min(overlap, side // 4))

    def _ids_of(self, classes: Sequence[str]) -> set[int]:
        known = self.bundle.manifest.classes
        for name in classes:
            if name not in known[1:]:
                raise UnknownClass(f"there is no class {name!r}; there are: {', '.join(known[1:])}")
        return {known.index(name) for name in classes}


def load(
    name: str,
    *,
    engine: str | None = None,
    precision: str | None = None,
    threads: int | None = None,
    tested: bool = False,
) -> Segmenter:
    """The model of that name, its files checked, ready to segment.

    Args:
        name: of a bundle.
        engine: "openvino" or "tensorflow"; None: openvino where the model has compiled stages.
        precision: "f32", "bf16" or "int8"; None: the fastest that this processor computes in and that came
            close enough to the reference when the stages were compiled.
        threads: how many compute one inference, 1 or more; None: the engine decides, mostly one a core. The
            tensorflow engine can change theirs only before TensorFlow has computed anything.
        tested: run the self-test. Where no precision was asked for, one that fails it is passed over.

    Raises:
        UnknownModel: there is none; says which there are.
        BundleError: its files are not those that its manifest names, or it fails its self-test.
        ChoiceError: it cannot be run in the way asked for; says what to do.
    """
    from model.engines.openvino import precisions_of_processor  # an engine is imported where it is wanted

    bundle = catalog.find(name)
    bundle.check()
    passed: dict[str, bool] = {stages: export.passed for stages, export in bundle.manifest.exports.items()}
    ways = choices(name, passed, precisions_of_processor(), engine, precision)
    for way in ways:
        segmenter = Segmenter(bundle, _stages(bundle, way, threads))
        try:
            if tested:
                segmenter.self_test()
            return segmenter
        except BundleError as error:
            if way == ways[-1]:
                raise
            LOG.warning("%s in %s is passed over: %s", name, way.precision, error)
    raise AssertionError("choices gives one way at least")


def _stages(bundle: Bundle, way: Choice, threads: int | None) -> Engine:
    if way.engine == "openvino":
        from model.engines.openvino import OpenVINOStages, StagesError

        folder, largest = bundle.stages_folder(way.precision), largest_picture(bundle.config)
        try:
            return OpenVINOStages.open(folder, way.precision, largest, threads=threads)
        except StagesError as error:
            name = bundle.manifest.name
            raise BundleError(
                f"model {name}: {error}; compile it anew with python -m model export {name}"
            ) from error
    try:  # here, not above: who needs no TensorFlow must neither wait for it nor have it installed
        from model.engines.tensorflow import TensorFlowStages, limit_threads
        from model.families.mask_rcnn.network import MaskRCNN
    except ModuleNotFoundError as error:
        raise ChoiceError(
            f"the model {bundle.manifest.name} needs {error.name} to run with the tensorflow engine: "
            "pip install -r requirements.txt"
        ) from error
    if threads is not None:
        limit_threads(threads)
    network = MaskRCNN(bundle.config)
    network.load_weights(bundle.weights_path)
    return TensorFlowStages(network)


def record_self_test(segmenter: Segmenter, image: npt.NDArray[np.uint8]) -> None:
    """Keep in the bundle what the model finds in `image` now, for `self_test` to compare with.

    Raises:
        ValueError: it finds nothing there, as a dead model would.
    """
    found = segmenter.segment(image)
    if not len(found):
        raise ValueError("the model finds nothing in the picture for its self-test: choose another")
    np.savez_compressed(
        segmenter.bundle.folder / SELF_TEST,
        image=image,
        boxes=found.boxes,
        class_ids=found.class_ids,
        scores=found.scores,
        areas=found.areas(),
    )
    catalog.update_manifest(segmenter.bundle)


def _compare(manifest: Manifest, found: Segments, test: Any) -> None:
    """Raise BundleError unless each segment of the one has its like in the other.

    Order says nothing: neighbours in score change places from one processor to the next. Neither do
    segments that are only just over the threshold: they may be under it there.
    """
    boxes = np.abs(test["boxes"][:, None] - found.boxes).max(axis=2) <= SELF_TEST_BOX_TOLERANCE
    scores = np.abs(test["scores"][:, None] - found.scores) <= SELF_TEST_SCORE_TOLERANCE
    fills = np.abs(_fill(test["boxes"], test["areas"])[:, None] - _fill(found.boxes, found.areas()))
    same_class = test["class_ids"][:, None] == found.class_ids
    alike = boxes & scores & same_class & (fills <= SELF_TEST_FILL_TOLERANCE)
    sure = manifest.threshold + min(SELF_TEST_SCORE_TOLERANCE, (1 - manifest.threshold) / 2)
    missing = np.count_nonzero((test["scores"] >= sure) & ~alike.any(axis=1))
    unexpected = np.count_nonzero((found.scores >= sure) & ~alike.any(axis=0))
    if missing or unexpected:
        raise BundleError(
            f"model {manifest.name} fails its self-test: of {len(test['boxes'])} segments {missing} are "
            f"missing or differ in place, class, score or mask; {unexpected} are new"
        )


def _fill(boxes: npt.NDArray[np.int32], areas: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64 (N,): the share of each box that its mask covers."""
    return areas / np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
