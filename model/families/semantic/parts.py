"""Segments of a painting: one per class that occurs, or one per connected part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import overload

import cv2
import numpy as np
import numpy.typing as npt

from model.families.family import Size
from model.families.semantic.painting import CERTAIN, Bytes, Painting, Tally
from model.pictures.tiles import Tile
from model.results.masks import Mask
from model.results.segments import Segments

CHUNK_PIXELS = 1 << 20
"""The number of pixels that are summed at once: np.bincount needs 16 bytes for each."""


@dataclass(frozen=True)
class Part:
    """A connected part of a class."""

    class_id: int
    score: float
    box: Tile
    mask: Mask


class PaintedMasks(Sequence[Mask]):
    """The masks of whole classes, each made on access.

    All masks of twenty classes scattered over 24 million pixels would take half a gigabyte.
    """

    def __init__(self, painting: Painting, parts: Sequence[tuple[int, Tile]]) -> None:
        """Create masks for (class id, box) pairs; the painting must not change afterwards."""
        self._painting = painting
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, index: int) -> Mask: ...

    @overload
    def __getitem__(self, index: slice) -> PaintedMasks: ...

    def __getitem__(self, index: int | slice) -> Mask | PaintedMasks:
        if isinstance(index, slice):
            return PaintedMasks(self._painting, self._parts[index])
        class_id, box = self._parts[index]
        return self._painting.mask(class_id, box)


def class_segments(painting: Painting, size: Size, most: int) -> tuple[Segments, int]:
    """One segment per class that occurs: the `most` best by the mean probability of their pixels.

    Also returns the number of segments left out.
    """
    tallies = sorted(painting.tallies.items(), key=lambda item: -item[1].mean)[:most]
    masks = PaintedMasks(painting, [(class_id, tally.box) for class_id, tally in tallies])
    segments = _segments(
        size,
        [class_id for class_id, _ in tallies],
        [tally.mean for _, tally in tallies],
        [tally.box for _, tally in tallies],
        masks,
    )
    return segments, len(painting.tallies) - len(segments)


def part_segments(
    painting: Painting, size: Size, most: int, min_area: int, threshold: float
) -> tuple[Segments, int]:
    """One segment per connected part of a class: the `most` best by the mean probability of their pixels.

    Also returns the number of segments left out.

    Pixels are connected by their sides and corners. Parts of less than `min_area` pixels are also removed
    from the painting, so that the label map agrees with the segments; those beyond `most` stay in it. A
    score may be off by 0.002, as probabilities are kept in bytes.
    """
    parts: list[Part] = []
    found = 0
    for class_id, tally in sorted(painting.tallies.items()):
        best, count = _parts_of(painting, class_id, tally, most, min_area, threshold)
        parts += best
        found += count
    parts.sort(key=lambda part: -part.score)
    del parts[most:]
    segments = _segments(
        size,
        [part.class_id for part in parts],
        [part.score for part in parts],
        [part.box for part in parts],
        [part.mask for part in parts],
    )
    return segments, found - len(segments)


def _parts_of(
    painting: Painting, class_id: int, tally: Tally, most: int, min_area: int, threshold: float
) -> tuple[list[Part], int]:
    """The `most` best parts of a class, and the number of all its parts."""
    box = tally.box
    count, numbers, stats, _ = cv2.connectedComponentsWithStats(
        painting.mask(class_id, box), connectivity=8, ltype=cv2.CV_32S
    )
    areas = stats[:, cv2.CC_STAT_AREA]
    large = areas >= min_area
    large[0] = False  # number 0: the pixels without the class
    sums = _sums(numbers, painting.certainty(class_id, box), count) / CERTAIN
    if not large[1:].all():
        small = ~large
        small[0] = False
        painting.remove(class_id, box, small[numbers])
        _correct(painting, class_id, int(areas[large].sum()), float(sums[large].sum()), stats[large])
    # No pixel is below the threshold, so neither is the mean; but rounding to bytes can put it below.
    scores = np.clip(sums / np.maximum(areas, 1), threshold, 1)
    best = np.flatnonzero(large)
    best = best[np.argsort(-scores[best], kind="stable")[:most]]
    parts = []
    for number in best.tolist():
        x, y, width, height = stats[number, :4].tolist()
        inside = numbers[y : y + height, x : x + width]
        where = Tile(box.x1 + x, box.y1 + y, box.x1 + x + width, box.y1 + y + height)
        parts.append(Part(class_id, float(scores[number]), where, (inside == number).view(np.uint8)))
    return parts, int(np.count_nonzero(large))


def _correct(painting: Painting, class_id: int, pixels: int, total: float, stats: npt.NDArray) -> None:
    """Update the tally of a class after parts were removed."""
    if not pixels:
        del painting.tallies[class_id]
        return
    box = painting.tallies[class_id].box
    (x1, y1), (x2, y2) = stats[:, :2].min(axis=0), (stats[:, :2] + stats[:, 2:4]).max(axis=0)
    left = Tile(box.x1 + int(x1), box.y1 + int(y1), box.x1 + int(x2), box.y1 + int(y2))
    painting.tallies[class_id] = Tally(pixels, total, left)


def _sums(numbers: npt.NDArray, certainties: Bytes, count: int) -> npt.NDArray[np.float64]:
    """float64 (count,): the sums of certainties by the pixels' `numbers`, int32 (h, w); 0 is ignored."""
    sums = np.zeros(count)
    rows = max(1, CHUNK_PIXELS // numbers.shape[1])
    for y in range(0, len(numbers), rows):
        inside = numbers[y : y + rows] > 0
        sums += np.bincount(numbers[y : y + rows][inside], certainties[y : y + rows][inside], count)
    return sums


def _segments(
    size: Size,
    class_ids: Sequence[int],
    scores: Sequence[float],
    boxes: Sequence[Tile],
    masks: Sequence[Mask],
) -> Segments:
    corners = [(box.x1, box.y1, box.x2, box.y2) for box in boxes]
    return Segments(
        size=size,
        boxes=np.array(corners, np.int32).reshape(-1, 4),
        class_ids=np.array(class_ids, np.int32),
        scores=np.array(scores, np.float32),
        masks=masks,
    )
