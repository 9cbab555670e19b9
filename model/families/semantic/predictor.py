"""SemanticPredictor: a picture → its class map and segments."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from model.engines.stages import Runner
from model.families.checks import check_copy, ids_of
from model.families.family import Size, Turn
from model.families.pixels import scale, to_channels
from model.families.semantic.activation import mean_with_mirrored, mirrored, to_probabilities
from model.families.semantic.blending import blend
from model.families.semantic.blocks import Block, Floats, ScoreMap
from model.families.semantic.class_ids import CodeMap, core_of
from model.families.semantic.config import SemanticConfig
from model.families.semantic.fit import FitPlan, plan_fit
from model.families.semantic.guided import Guide, RefinedMap
from model.families.semantic.painting import Bytes, ExclusiveClasses, OverlappingLabels, Painting, Probability
from model.families.semantic.parts import class_segments, part_segments
from model.families.semantic.preprocessing import Values
from model.families.semantic.second_look import averaged, frame, grid_of, part_under
from model.pictures.tiles import Tile
from model.results.result import ClassMap, Result, Wishes
from model.stopwatch import Stopwatch
from model.storage.manifest import Manifest


@dataclass(frozen=True)
class Seen:
    """A picture prepared for the network, to be run whole or in tiles.

    Attributes:
        plan: how it is scaled and cut.
        scaled: uint8 (H, W, 3), RGB, of `plan.scaled` pixels.
        channels: uint8 (H, W, C), the same in the network's channels.
        values: the network's input values for the grey levels of `channels`.
        stopwatch: measures "infer".
        turn: returns a context manager that is held while the network computes.
    """

    plan: FitPlan
    scaled: Bytes
    channels: Bytes
    values: Values
    stopwatch: Stopwatch
    turn: Turn


class SemanticPredictor:
    """See `families.family.Predictor`."""

    def __init__(self, manifest: Manifest, config: SemanticConfig, runner: Runner) -> None:
        self._manifest = manifest
        self._config = config
        self._runner = runner
        self._class_ids = config.class_ids(len(manifest.classes))
        self._background = self._class_ids.index(0) if 0 in self._class_ids else None

    def enough(self, size: Size) -> Size:
        """See `families.family.Predictor`."""
        return self._plan(size).enough

    def work(self, size: Size) -> int:
        """See `families.family.Predictor`."""
        plan = self._plan(size)
        return (1 + self._config.mirror) * plan.tiles * math.prod(plan.seen)

    def predict(
        self,
        image: Bytes,
        wishes: Wishes,
        *,
        size: Size,
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> Result:
        """See `families.family.Predictor`.

        Parts smaller than `wishes.min_area` are in no output; all other parts are in the class map, even if
        fewer segments are wanted. The probabilities of a network that gives class ids are 0 and 1.
        """
        return self.predict_each(image, [wishes], size=size, stopwatch=stopwatch, turn=turn)[0]

    def predict_each(
        self,
        image: Bytes,
        wishes: Sequence[Wishes],
        *,
        size: Size,
        stopwatch: Stopwatch,
        turn: Turn,
    ) -> list[Result]:
        """See `families.family.Predictor`. The network runs once for all."""
        plan = self._plan(size)
        check_copy(image, size, plan.enough, self._manifest.name)
        painted = [replace(one, probability_of=None) for one in wishes]
        different = [one for number, one in enumerate(painted) if one not in painted[:number]]
        paintings = [self._painting(size, one) for one in different]
        probabilities = [self._probability(size, one) for one in wishes]
        planes = [plane for plane in probabilities if plane is not None]
        seen = self._seen(image, plan, stopwatch, turn)
        if self._config.gives == "class_ids":
            for where, ids in self._class_id_blocks(seen):
                with stopwatch.measure("masks"):
                    for plane in planes:
                        plane.add_ids(where, ids)
                    for painting in paintings:
                        painting.add_ids(where, ids)
        else:
            for block in self._blocks(image, seen):
                with stopwatch.measure("masks"):
                    for plane in planes:
                        plane.add(block, self._class_ids)
                    for painting in paintings:
                        painting.add(block)
        with stopwatch.measure("masks"):
            results = [
                self._result(painting, size, one) for painting, one in zip(paintings, different, strict=True)
            ]
        return [
            _with_probability(results[different.index(one)], probability)
            for one, probability in zip(painted, probabilities, strict=True)
        ]

    def picture_of(self, image: Bytes) -> Floats:
        """float32 (1, H, W, C): the network's input for an image; if it needs tiles, for the first tile."""
        plan = self._plan((image.shape[1], image.shape[0]))
        seen = self._seen(image, plan, Stopwatch(), nullcontext)
        return seen.values.apply(plan.tile(0, 0).of(seen.channels), plan.seen)

    def _plan(self, size: Size) -> FitPlan:
        return plan_fit(size, self._config, self._runner.few_shapes)

    def _painting(self, size: Size, wishes: Wishes) -> Painting:
        threshold = self._threshold(wishes)
        if wishes.classes is None:
            kept = set(range(1, len(self._manifest.classes)))
        else:
            kept = ids_of(wishes.classes, self._manifest.classes)
        if self._config.gives == "labels":
            return OverlappingLabels(size, self._class_ids, threshold, kept)
        return ExclusiveClasses(size, self._class_ids, threshold, kept, certainties=wishes.split == "parts")

    def _probability(self, size: Size, wishes: Wishes) -> Probability | None:
        if wishes.probability_of is None:
            return None
        return Probability(size, *ids_of([wishes.probability_of], self._manifest.classes))

    def _threshold(self, wishes: Wishes) -> float:
        return self._manifest.threshold if wishes.threshold is None else wishes.threshold

    def _seen(self, image: Bytes, plan: FitPlan, stopwatch: Stopwatch, turn: Turn) -> Seen:
        with stopwatch.measure("infer"):
            scaled = scale(image, plan.scaled)
            channels = to_channels(scaled, self._config.channels)
            values = Values.of(channels, self._config)
        return Seen(plan, scaled, channels, values, stopwatch, turn)

    def _blocks(self, image: Bytes, seen: Seen) -> Iterator[Block]:
        """The picture's probabilities."""
        plan = seen.plan
        if plan.is_tiled:
            return blend(plan, self._config.halo, lambda tile: self._tile_planes(seen, tile))
        return self._score_map(seen, plan.tile(0, 0), plan.size, image).strips()

    def _tile_planes(self, seen: Seen, tile: Tile) -> Floats:
        """float32 (K, h, w): a tile's probabilities at the picture's scale."""
        scores = self._score_map(seen, tile, tile.size, tile.of(seen.scaled))
        if isinstance(scores, ScoreMap) and scores.is_at_scale:
            return scores.planes
        planes = np.empty((len(self._class_ids), tile.size[1], tile.size[0]), np.float32)
        for block in scores.strips():
            for channel in range(len(planes)):
                block.where.of(planes[channel])[:] = block.plane(channel)
        return planes

    def _score_map(self, seen: Seen, tile: Tile, size: Size, image: Bytes) -> ScoreMap | RefinedMap:
        """The network's answer for a tile; `image`, of `size`, is the same part of the unscaled picture."""
        plan = seen.plan
        with seen.turn(), seen.stopwatch.measure("infer"):
            planes = self._look(tile.of(seen.channels), seen)
        if self._config.look_again:
            planes = self._with_second_look(planes, image, seen)
        scores = ScoreMap.of(planes, plan.seen, tile.size, size)
        if not self._config.refine_edges:
            return scores
        with seen.stopwatch.measure("masks"):
            cells = planes.shape[2], planes.shape[1]
            return RefinedMap(scores, Guide.of(tile.of(seen.scaled), plan.seen, cells, image))

    def _with_second_look(self, planes: Floats, image: Bytes, seen: Seen) -> Floats:
        """float32 (K, h, w): the probabilities for `image` after a second look; `planes` are the first's."""
        where = frame(planes, self._background, seen.plan.size)
        if where is None:
            return planes
        with seen.turn(), seen.stopwatch.measure("infer"):
            part = part_under(where, grid_of(planes), image)
            closer = self._look(to_channels(scale(part, seen.plan.scaled), self._config.channels), seen)
            return averaged(planes, closer, where)

    def _look(self, channels: Bytes, seen: Seen) -> Floats:
        """float32 (K, h, w): probabilities for uint8 (H, W, C), including padding."""
        picture = seen.values.apply(channels, seen.plan.seen)
        planes = self._probabilities(picture)
        if not self._config.mirror:
            return planes
        return mean_with_mirrored(planes, self._probabilities(mirrored(picture)))

    def _probabilities(self, picture: Floats) -> Floats:
        scores = self._runner.start(picture).outputs[0]
        expected = len(self._class_ids)
        if scores.ndim != 4 or scores.shape[3] != expected:
            raise ValueError(
                f"the network of {self._manifest.name} gives an array of {scores.shape}, but its classes and "
                f"config require (1, height, width, {expected})"
            )
        return to_probabilities(scores, self._config.activation)

    def _class_id_blocks(self, seen: Seen) -> Iterator[tuple[Tile, npt.NDArray[np.uint16]]]:
        """Yield class ids (h, w) of the parts of the picture; overlaps of tiles are split in the middle."""
        plan = seen.plan
        for row in range(len(plan.rows)):
            for column in range(len(plan.columns)):
                tile, core = plan.tile(column, row), core_of(plan, column, row)
                with seen.turn(), seen.stopwatch.measure("infer"):
                    picture = seen.values.apply(tile.of(seen.channels), plan.seen)
                    codes = self._runner.start(picture).outputs[0]
                part = tile if plan.is_tiled else Tile(0, 0, *plan.size)  # in the picture
                code_map = CodeMap.of(codes, self._class_ids, plan.seen, tile.size, part.size)
                yield from code_map.parts(part, core if plan.is_tiled else part)

    def _result(self, painting: Painting, size: Size, wishes: Wishes) -> Result:
        most = self._manifest.most_segments(wishes, size)
        if wishes.split == "parts":
            segments, left_out = part_segments(painting, size, most, wishes.min_area, self._threshold(wishes))
        else:
            segments, left_out = class_segments(painting, size, most)
        means = {class_id: tally.mean for class_id, tally in sorted(painting.tallies.items())}
        painting.labels.setflags(write=False)  # masks are read from it later
        return Result(segments, ClassMap(painting.labels, means), left_out)


def _with_probability(result: Result, probability: Probability | None) -> Result:
    if probability is None or result.class_map is None:
        return result
    return replace(result, class_map=replace(result.class_map, probability=probability.plane))
