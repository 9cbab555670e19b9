"""MaskRCNNPredictor: runs a picture through the network, whole or in tiles."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
import numpy.typing as npt

from model.engines.stages import Runner
from model.families.checks import check_copy, ids_of
from model.families.family import Size, Turn
from model.families.mask_rcnn import joining
from model.families.mask_rcnn.config import Config
from model.families.mask_rcnn.fit import Tiling, closer_tiling_of, tiling_of
from model.families.mask_rcnn.inference import find_segments
from model.families.mask_rcnn.molding import GreyRange, grey_range_of
from model.families.mask_rcnn.stages import EngineStages
from model.pictures.tiles import SEAM_THRESHOLD
from model.results.result import Result, Wishes
from model.results.segments import Segments
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest

TILES_TO_JUDGE = 8
"""The approximate number of tiles, spread over the picture, in which the size of its objects is judged."""
FEWEST_TO_JUDGE = 20
"""The least number of objects from which the size of the others is judged."""
PLANS_KEPT = 64


@dataclass(frozen=True)
class _Seen:
    """A picture, and the arguments that are the same for each tile and scale.

    Attributes:
        image: uint8 (H, W, 3), RGB, the picture or a reduced copy.
        class_ids: those wanted; None: all.
        grey_range: of the picture, see `molding.mold`.
        stopwatch: measures "infer" and "masks".
        turn: returns a context manager that is held while the network computes.
    """

    image: npt.NDArray[np.uint8]
    class_ids: Collection[int] | None
    grey_range: GreyRange | None
    stopwatch: Stopwatch
    turn: Turn


class MaskRCNNPredictor:
    """See `families.family.Predictor`."""

    def __init__(self, manifest: Manifest, config: Config, runner: Runner) -> None:
        self.manifest = manifest
        self.config = config
        self.stages = EngineStages(runner, config)
        # Not a method of `self`: a reference cycle would keep the network in memory after its last use.
        tilings = partial(_tilings, config, manifest.tile_overlap, self.stages.few_shapes)
        self._tilings_of = lru_cache(PLANS_KEPT)(tilings)

    def enough(self, size: Size) -> Size:
        """See `families.family.Predictor`."""
        return self._tilings_of(size)[0].enough

    def work(self, size: Size) -> int:
        """See `families.family.Predictor`."""
        return self._tilings_of(size)[0].work

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
        tiling, closer = self._tilings_of(size)
        check_copy(image, size, tiling.enough, self.manifest.name)
        least = self.manifest.threshold if wishes.threshold is None else wishes.threshold
        most = self.manifest.most_segments(wishes, size)
        seen = _Seen(
            image,
            None if wishes.classes is None else ids_of(wishes.classes, self.manifest.classes),
            grey_range_of(image, self.config),
            stopwatch,
            turn,
        )
        if len(tiling.tiles) == 1 and closer is None:
            return self._look(seen, tiling, 0, least, most)
        whole = self._all_objects(seen, tiling, closer, least)
        count = int(np.count_nonzero(whole.scores >= np.float32(least)))
        kept = min(count, most)
        return Result(whole.select(np.arange(kept)), left_out=count - kept)

    def predict_each(
        self,
        image: npt.NDArray[np.uint8],
        wishes: Sequence[Wishes],
        *,
        size: Size,
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> list[Result]:
        """See `families.family.Predictor`."""
        return [self.predict(image, one, size=size, stopwatch=stopwatch, turn=turn) for one in wishes]

    def _all_objects(self, seen: _Seen, tiling: Tiling, closer: Tiling | None, least: float) -> Segments:
        """The objects with a score of `least` or more, and some below, regardless of how many are wanted.

        Neither an object's mask nor the scale it is found at may depend on the options of the request.
        """
        lowest = min(least, SEAM_THRESHOLD if len(tiling.tiles) > 1 else self.manifest.threshold)

        def look(index: int) -> Segments:
            return self._look(seen, tiling, index, lowest, self.config.post_nms_rois_inference).segments

        spread = range(0, len(tiling.tiles), max(1, len(tiling.tiles) // TILES_TO_JUDGE))
        found = {index: look(index) for index in spread}
        if closer is not None and self._are_small(found.values(), tiling.fit.scale):
            tiling, found, lowest = closer, {}, min(least, SEAM_THRESHOLD)
        answers = [found[index] if index in found else look(index) for index in range(len(tiling.tiles))]
        if len(tiling.tiles) == 1:
            return answers[0]
        size = max(tile.x2 for tile in tiling.tiles), max(tile.y2 for tile in tiling.tiles)
        with seen.stopwatch.measure("masks"):
            return joining.join(tiling.tiles, answers, size)

    def _look(self, seen: _Seen, tiling: Tiling, index: int, least: float, most: int) -> Result:
        """The best `most` objects in a tile of the tiling, with a score of `least` or more."""
        return find_segments(
            self.stages,
            # A reduced copy has only one tile, the whole image.
            tiling.tiles[index].of(seen.image) if len(tiling.tiles) > 1 else seen.image,
            dataclasses.replace(self.config, detection_min_confidence=least, detection_max_instances=most),
            class_ids=seen.class_ids,
            fit=tiling.fit,
            grey_range=seen.grey_range,
            stopwatch=seen.stopwatch,
            turn=seen.turn,
        )

    def _are_small(self, found: Iterable[Segments], scale: float) -> bool:
        """Whether most objects over the threshold are so small in the network's input that it misses some."""
        areas = np.concatenate(
            [one.areas()[one.scores >= np.float32(self.manifest.threshold)] for one in found]
        )
        if len(areas) < FEWEST_TO_JUDGE:
            return False
        return float(np.sqrt(np.median(areas))) * scale < self.config.least_object_size


def _tilings(
    config: Config, tile_overlap: int | None, few_shapes: bool, size: Size
) -> tuple[Tiling, Tiling | None]:
    """The tiling for a picture of `size`, and one that looks closer, if the picture allows that."""
    how = size, config, tile_overlap, few_shapes
    tiling = tiling_of(*how)
    return tiling, closer_tiling_of(*how) if tiling.enough == size else None
