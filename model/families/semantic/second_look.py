"""A second look: the part of a picture with objects is run again, enlarged, and both results are averaged.

On 232 photos of people, MediaPipe's Selfie Segmentation has a mean IoU of 0.873 with one look and 0.897
with two.
"""

from __future__ import annotations

import cv2
import numpy as np

from model.families.family import Size
from model.families.semantic.blocks import Floats
from model.families.semantic.fit import CLOSER
from model.families.semantic.painting import Bytes
from model.pictures.tiles import Tile

FOUND = 0.3  # the frame is drawn around pixels with a higher probability
LEAST_SHARE = 0.001  # of the picture: smaller parts do not extend the frame
MARGIN = 0.1  # of the frame's longer side, added on each side
SECOND_SHARE = 0.6  # the weight of the second look in the mean of both, inside the frame


def grid_of(planes: Floats) -> Size:
    """(columns, rows) of the grid on which the looks at a picture are averaged."""
    return CLOSER * planes.shape[2], CLOSER * planes.shape[1]


def frame(planes: Floats, background: int | None, size: Size) -> Tile | None:
    """The frame to look at again, in cells of the grid; None if nothing was found or it is the whole picture.

    Args:
        planes: float32 (K, rows, columns), the probabilities of the first look.
        background: the channel that is the background; None: there is none.
        size: (width, height) of the picture.
    """
    foreground = planes.max(axis=0) if background is None else 1 - planes[background]
    found = (foreground > FOUND).astype(np.uint8)
    _, _, parts, _ = cv2.connectedComponentsWithStats(found, connectivity=8)
    parts = parts[1:]  # without the background
    parts = parts[parts[:, cv2.CC_STAT_AREA] >= LEAST_SHARE * found.size]
    if not len(parts):
        return None
    grid = np.array(grid_of(planes))
    starts = CLOSER * parts[:, :2].min(axis=0)
    ends = CLOSER * (parts[:, :2] + parts[:, 2:4]).max(axis=0)
    cell = np.array(size) / grid  # in pixels of the picture
    margin = MARGIN * ((ends - starts) * cell).max() / cell
    x1, y1 = np.rint(np.maximum(starts - margin, 0)).astype(int).tolist()
    x2, y2 = np.rint(np.minimum(ends + margin, grid)).astype(int).tolist()
    around = Tile(x1, y1, x2, y2)
    return None if around.size == grid_of(planes) else around


def part_under(where: Tile, grid: Size, image: Bytes) -> Bytes:
    """The part (h, w, 3) of a picture, or of a reduced copy, under cells of the grid; at least one pixel."""
    height, width = image.shape[:2]
    x1, y1 = (
        min(round(where.x1 * width / grid[0]), width - 1),
        min(round(where.y1 * height / grid[1]), height - 1),
    )
    x2, y2 = round(where.x2 * width / grid[0]), round(where.y2 * height / grid[1])
    return Tile(x1, y1, max(x2, x1 + 1), max(y2, y1 + 1)).of(image)


def averaged(first: Floats, second: Floats, where: Tile) -> Floats:
    """float32 (K, rows, columns) on the grid: the mean of both looks.

    Args:
        first: float32 (K, rows, columns), probabilities of the first look, for the whole picture.
        second: float32 (K, rows, columns), probabilities of the second look, for the frame.
        where: the frame, in cells of the grid.
    """
    columns, rows = grid_of(first)
    planes = np.empty((len(first), rows, columns), np.float32)
    for plane, of_first, of_second in zip(planes, first, second, strict=True):
        cv2.resize(of_first, (columns, rows), dst=plane, interpolation=cv2.INTER_LINEAR)
        framed = where.of(plane)
        framed += SECOND_SHARE * (cv2.resize(of_second, where.size, interpolation=cv2.INTER_LINEAR) - framed)
    return planes
