"""Guided filter: moves the edges of probabilities to those of the picture (He, Sun, Tang 2010).

This is its fast form (He, Sun 2015): the filter's two coefficients are computed at the network's scale,
interpolated to the picture's, and applied to the picture's grey levels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
import numpy.typing as npt

from model.families.family import Size
from model.families.semantic.blocks import Block, Floats, ScoreMap, strips_of
from model.pictures.tiles import Tile

RADIUS = 2  # cells of the network's output
EPSILON = 1e-3  # variance of grey levels from 0 to 1 below which there is no edge
SIDE = 2 * RADIUS + 1


@dataclass(frozen=True)
class Guide:
    """The picture whose edges are used.

    Attributes:
        coarse: float32 (rows, columns), grey levels 0 to 1, a value for each cell of the network's output,
            including padding.
        image: uint8 (H, W, 3), RGB, of the size at which the output is read.
    """

    coarse: Floats
    image: npt.NDArray[np.uint8]

    @classmethod
    def of(
        cls, scaled: npt.NDArray[np.uint8], seen: Size, cells: Size, image: npt.NDArray[np.uint8]
    ) -> Guide:
        """The guide for a network's output.

        Args:
            scaled: uint8 (h, w, 3), RGB, the network's input without padding.
            seen: (width, height) of the input with padding.
            cells: columns and rows of the output.
            image: the same part of the picture at its own scale.
        """
        height, width = scaled.shape[:2]
        grey = cv2.cvtColor(scaled, cv2.COLOR_RGB2GRAY)
        border = (0, seen[1] - height, 0, seen[0] - width)
        padded = cv2.copyMakeBorder(grey, *border, cv2.BORDER_REFLECT)
        coarse = cv2.resize(padded, cells, interpolation=cv2.INTER_AREA)
        return cls(np.asarray(coarse, np.float32) * np.float32(1 / 255), image)

    def grey(self, y1: int, y2: int) -> Floats:
        """Grey levels of these rows: float32 (y2 - y1, W), 0 to 1."""
        grey = cv2.cvtColor(self.image[y1:y2], cv2.COLOR_RGB2GRAY)
        return np.asarray(grey, np.float32) * np.float32(1 / 255)


class RefinedMap:
    """A ScoreMap whose edges follow the picture; like ScoreMap, it is read in strips."""

    def __init__(self, scores: ScoreMap, guide: Guide) -> None:
        self._scores = scores
        self._guide = guide
        rows, columns = scores.planes.shape[1:]
        slopes, offsets = _coefficients(scores.planes, guide.coarse[:rows, :columns])
        self._slopes = ScoreMap(slopes, scores.cell, scores.size)
        self._offsets = ScoreMap(offsets, scores.cell, scores.size)

    def strips(self) -> Iterator[Block]:
        """The part of the picture from top to bottom."""
        anything = np.ones(len(self._scores.planes), np.float32)
        for part in strips_of(self._scores.size):
            grey = self._guide.grey(part.y1, part.y2)
            yield Block(part, partial(self._read, part, grey), at_most=anything, best_at_least=0.0)

    def _read(self, part: Tile, grey: Floats, channel: int) -> Floats:
        refined = self._slopes.read(channel, part.y1, part.y2) * grey
        refined += self._offsets.read(channel, part.y1, part.y2)
        return np.clip(refined, 0, 1, out=refined)


def _coefficients(planes: Floats, guide: Floats) -> tuple[Floats, Floats]:
    """Slopes and offsets, (K, rows, columns) each, that map grey levels to probabilities, locally smooth."""
    mean_guide = _mean_around(guide)
    variance = _mean_around(guide * guide) - mean_guide * mean_guide + np.float32(EPSILON)
    slopes, offsets = np.empty_like(planes), np.empty_like(planes)
    for plane, slope, offset in zip(planes, slopes, offsets, strict=True):
        mean_plane = _mean_around(plane)
        steep = (_mean_around(guide * plane) - mean_guide * mean_plane) / variance
        slope[:] = _mean_around(steep)
        offset[:] = _mean_around(mean_plane - steep * mean_guide)
    return slopes, offsets


def _mean_around(plane: npt.NDArray) -> Floats:
    return np.asarray(cv2.boxFilter(plane, -1, (SIDE, SIDE), borderType=cv2.BORDER_REFLECT), np.float32)
