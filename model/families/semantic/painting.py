"""Paintings: the classes of a picture's pixels, assembled block by block."""

from __future__ import annotations

from collections.abc import Collection, Sequence, Set
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from model.families.family import Size
from model.families.semantic.blocks import Block, Floats
from model.pictures.tiles import Tile
from model.results.masks import Mask

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint16]

CERTAIN = 255  # a probability of 1, in planes of bytes


@dataclass
class Tally:
    """The statistics of one class's pixels.

    Attributes:
        pixels: their number.
        total: the sum of their probabilities.
        box: their bounding box.
    """

    pixels: int
    total: float
    box: Tile

    @property
    def mean(self) -> float:
        return min(1.0, self.total / self.pixels)


class Probability:
    """The probabilities of one class.

    Attributes:
        plane: uint8 (H, W), 0 to 255.
    """

    def __init__(self, size: Size, class_id: int) -> None:
        self.plane: Bytes = np.zeros((size[1], size[0]), np.uint8)
        self._class_id = class_id

    def add(self, block: Block, class_ids: Sequence[int]) -> None:
        """Add a part of the picture; `class_ids` are those of the block's channels."""
        probabilities = block.plane(class_ids.index(self._class_id))
        block.where.of(self.plane)[:] = cv2.convertScaleAbs(probabilities, alpha=CERTAIN)

    def add_ids(self, where: Tile, ids: Labels) -> None:
        """Add a part whose class ids (h, w) are certain."""
        where.of(self.plane)[:] = (ids == self._class_id) * np.uint8(CERTAIN)


class Painting:
    """The classes of a picture's pixels; base of the two kinds below.

    Attributes:
        labels: uint16 (H, W), class ids, 0 background.
        tallies: class id → its statistics, for classes that occur.
    """

    def __init__(self, size: Size, class_ids: Sequence[int], threshold: float, kept: Collection[int]) -> None:
        """Create an empty painting.

        Args:
            size: (width, height) of the picture.
            class_ids: the class id of each channel of the blocks.
            threshold: the lowest probability for a pixel's class.
            kept: ids of the classes that are wanted.
        """
        self.labels: Labels = np.zeros((size[1], size[0]), np.uint16)
        self.tallies: dict[int, Tally] = {}
        self._class_ids = class_ids
        self._threshold = np.float32(threshold)
        self._kept = kept

    def add(self, block: Block) -> None:
        """Paint a part of the picture that is still empty."""
        raise NotImplementedError

    def add_ids(self, where: Tile, ids: Labels) -> None:
        """Paint a part whose class ids (h, w) come from the network, each with a probability of 1."""
        raise NotImplementedError

    def mask(self, class_id: int, box: Tile) -> Mask:
        """uint8 (h, w) of 0 and 1: the pixels of `box` that have the class."""
        raise NotImplementedError

    def certainty(self, class_id: int, box: Tile) -> Bytes:
        """uint8 (h, w): the class's probabilities, 0 to 255, at the pixels of `box` that have it."""
        raise NotImplementedError

    def remove(self, class_id: int, box: Tile, where: npt.NDArray[np.bool_]) -> None:
        """Remove the class from pixels of `box`; the caller must update `tallies`."""
        raise NotImplementedError

    def _count(self, class_id: int, mask: Mask, probabilities: Floats, where: Tile) -> None:
        """Add pixels of a class (at least one) in a part of the picture to its tally."""
        total = float((probabilities * mask).sum())
        x, y, width, height = cv2.boundingRect(mask)
        box = Tile(where.x1 + x, where.y1 + y, where.x1 + x + width, where.y1 + y + height)
        before = self.tallies.get(class_id)
        if before is None:
            self.tallies[class_id] = Tally(cv2.countNonZero(mask), total, box)
            return
        before.pixels += cv2.countNonZero(mask)
        before.total += total
        before.box = _around(before.box, box)


class ExclusiveClasses(Painting):
    """Each pixel has the most probable class, if its probability reaches the threshold."""

    def __init__(
        self,
        size: Size,
        class_ids: Sequence[int],
        threshold: float,
        kept: Collection[int],
        certainties: bool = False,
    ) -> None:
        """As for Painting; `certainty` works only with `certainties`."""
        super().__init__(size, class_ids, threshold, kept)
        self._certainties: Bytes | None = np.zeros_like(self.labels, np.uint8) if certainties else None

    def add(self, block: Block) -> None:
        # Most channels of most blocks cannot be the best one at any pixel: these are not even read.
        channels = np.flatnonzero(block.at_most >= block.best_at_least).tolist()
        if not any(self._class_ids[channel] in self._kept for channel in channels):
            return
        best = np.array(block.plane(channels[0]))
        ids = np.full(best.shape, self._class_ids[channels[0]], np.uint16)
        for channel in channels[1:]:
            plane = block.plane(channel)
            np.copyto(ids, self._class_ids[channel], where=plane > best)
            cv2.max(plane, best, dst=best)
        if self._threshold > 0:
            ids[best < self._threshold] = 0
        self._paint(block.where, ids, best, {self._class_ids[channel] for channel in channels})

    def add_ids(self, where: Tile, ids: Labels) -> None:
        possible = set(np.flatnonzero(np.bincount(ids.ravel())).tolist())
        self._paint(where, ids.copy(), np.ones(ids.shape, np.float32), possible)

    def mask(self, class_id: int, box: Tile) -> Mask:
        return (box.of(self.labels) == class_id).view(np.uint8)

    def certainty(self, class_id: int, box: Tile) -> Bytes:
        if self._certainties is None:
            raise ValueError("certainties were not kept: create the painting with certainties=True")
        return box.of(self._certainties)

    def remove(self, class_id: int, box: Tile, where: npt.NDArray[np.bool_]) -> None:
        box.of(self.labels)[where] = 0

    def _paint(self, where: Tile, ids: Labels, best: Floats, possible: Set[int]) -> None:
        for class_id in possible - {0}:
            mask = (ids == class_id).view(np.uint8)
            if class_id not in self._kept:
                ids[mask.view(np.bool_)] = 0
            elif cv2.countNonZero(mask):
                self._count(class_id, mask, best, where)
        where.of(self.labels)[:] = ids
        if self._certainties is not None:
            where.of(self._certainties)[:] = cv2.convertScaleAbs(best, alpha=CERTAIN)


class OverlappingLabels(Painting):
    """Each pixel has every class that reaches the threshold; `labels` has the most probable of them."""

    def __init__(self, size: Size, class_ids: Sequence[int], threshold: float, kept: Collection[int]) -> None:
        super().__init__(size, class_ids, threshold, kept)
        self._planes: dict[int, Bytes] = {}  # probabilities 1 to 255 where the class is, else 0

    def add(self, block: Block) -> None:
        best = np.full(block.where.of(self.labels).shape, -1, np.float32)
        for channel in np.flatnonzero(block.at_most >= self._threshold).tolist():
            class_id = self._class_ids[channel]
            if class_id not in self._kept:
                continue
            plane = block.plane(channel)
            mask = (plane >= self._threshold).view(np.uint8)
            if not cv2.countNonZero(mask):
                continue
            if class_id not in self._planes:
                self._planes[class_id] = np.zeros(self.labels.shape, np.uint8)
            certainty = np.maximum(cv2.convertScaleAbs(plane, alpha=CERTAIN), 1)
            block.where.of(self._planes[class_id])[:] = certainty * mask
            self._count(class_id, mask, plane, block.where)
            better = (plane > best) & mask.view(np.bool_)
            np.copyto(block.where.of(self.labels), class_id, where=better)
            np.copyto(best, plane, where=better)

    def mask(self, class_id: int, box: Tile) -> Mask:
        return (box.of(self._planes[class_id]) > 0).view(np.uint8)

    def certainty(self, class_id: int, box: Tile) -> Bytes:
        return box.of(self._planes[class_id])

    def remove(self, class_id: int, box: Tile, where: npt.NDArray[np.bool_]) -> None:
        box.of(self._planes[class_id])[where] = 0
        labels = box.of(self.labels)
        orphaned = where & (labels == class_id)
        ids, best = np.zeros(np.count_nonzero(orphaned), np.uint16), np.zeros(1, np.uint8)
        for other, plane in self._planes.items():
            certainty = box.of(plane)[orphaned]
            ids[certainty > best] = other
            best = np.maximum(best, certainty)
        labels[orphaned] = ids


def _around(first: Tile, second: Tile) -> Tile:
    return Tile(
        min(first.x1, second.x1),
        min(first.y1, second.y1),
        max(first.x2, second.x2),
        max(first.y2, second.y2),
    )
