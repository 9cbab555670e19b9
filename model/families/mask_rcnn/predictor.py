"""MaskRCNNPredictor: a picture through the network, whole or in tiles."""

from __future__ import annotations

import dataclasses
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from model.engines.stages import Runner
from model.families.checks import check_copy, ids_of
from model.families.family import Size, Turn
from model.families.mask_rcnn import joining
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.fit import Plan, plan_of
from model.families.mask_rcnn.inference import find_segments
from model.families.mask_rcnn.molding import grey_range_of
from model.families.mask_rcnn.stages import EngineStages
from model.manifest import Manifest
from model.result import Result, Wishes
from model.stopwatch import Stopwatch

SEAM_THRESHOLD = 0.1
"""Parts of objects that a seam has cut are joined from this score on, whatever threshold is asked for: a part
scores less than the whole, and an object should look the same to each who asks."""
PLANS_KEPT = 64


class MaskRCNNPredictor:
    """See `families.family.Predictor`."""

    def __init__(self, manifest: Manifest, config: Config, runner: Runner) -> None:
        self.manifest = manifest
        self.config = config
        self.stages = EngineStages(runner, config)
        self._plan_of = lru_cache(PLANS_KEPT)(self._make_plan)

    def enough(self, size: Size) -> Size:
        """See `families.family.Predictor`."""
        return self._plan_of(size).enough

    def predict(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Wishes,
        *,
        size: Size,
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> Result:
        """See `families.family.Predictor`."""
        plan = self._plan_of(size)
        check_copy(image, size, plan.enough, self.manifest.name)
        least = self.manifest.threshold if wishes.threshold is None else wishes.threshold
        most = self.manifest.most_segments(wishes, size)
        is_cut = len(plan.tiles) > 1
        config = dataclasses.replace(
            self.config,
            detection_min_confidence=min(least, SEAM_THRESHOLD) if is_cut else least,
            # Of a tile all, whatever is asked for: what a segment looks like must not depend on that.
            detection_max_instances=self.config.post_nms_rois_inference if is_cut else most,
        )
        class_ids = None if wishes.classes is None else ids_of(wishes.classes, self.manifest.classes)
        grey_range = grey_range_of(image, config)
        answers = []
        for tile in plan.tiles:
            found = find_segments(
                self.stages,
                tile.of(image) if is_cut else image,  # of a reduced copy there is one tile, all of it
                config,
                class_ids=class_ids,
                fit=plan.fit,
                grey_range=grey_range,
                stopwatch=stopwatch,
                turn=turn,
            )
            answers.append(found)
        if not is_cut:
            return answers[0]
        with stopwatch.measure("masks"):
            whole = joining.join(plan.tiles, [answer.segments for answer in answers], size)
            count = int(np.count_nonzero(whole.scores >= np.float32(least)))
            kept = min(count, most)
            return Result(whole.select(np.arange(kept)), left_out=count - kept)

    def _make_plan(self, size: Size) -> Plan:
        return plan_of(size, self.config, self.manifest.tile_overlap, self.stages.few_shapes)
