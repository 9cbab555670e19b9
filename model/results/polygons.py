"""Polygons: converts a box-local mask to its exact outline, along the edges of its pixels."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from model.results.masks import Mask

Integers = npt.NDArray[np.int64]


def to_rings(mask: Mask, box_xyxy: npt.NDArray[np.int32]) -> list[Integers]:
    """Return the rings around a mask's pixels: by the even-odd rule, they enclose exactly those pixels.

    Vertices are corners of pixels, in COCO's coordinates: a mask of only the image's first pixel is the ring
    (0, 0), (1, 0), (1, 1), (0, 1). OpenCV's contours run through the centres of pixels, so that they lose
    half a pixel on each side, and a single pixel altogether.

    >>> rings = to_rings(np.ones((2, 3), np.uint8), np.array([10, 20, 13, 22]))
    >>> [ring.tolist() for ring in rings]
    [[[10, 20], [13, 20], [13, 22], [10, 22]]]

    Args:
        mask: uint8 (y2 - y1, x2 - x1) of 0 and 1.
        box_xyxy: int32 (4,), where the mask lies in the image, in pixels.

    Returns:
        Arrays int64 (V, 2) of x and y in pixels of the image, V at least 4, not closed: the last vertex does
        not repeat the first. A ring turns at each vertex and visits none twice, but rings may touch at
        vertices, where pixels do. On the screen, rings around pixels run clockwise, and rings around holes
        anticlockwise. An empty mask has no rings.
    """
    columns, rows, turns = _corners(mask)
    rings = _walk(_following(columns, rows, turns), _places(columns, rows))
    vertices = np.stack([columns + box_xyxy[0], rows + box_xyxy[1]], axis=1)
    return [vertices[ring] for ring in rings]


def to_parts(mask: Mask, box_xyxy: npt.NDArray[np.int32]) -> list[list[Integers]]:
    """Return the rings of `to_rings` grouped by part; a part is a set of pixels connected along their edges.

    Each part is a valid polygon as geometry libraries define it: the outer ring, then those of the holes,
    which may touch each other and the outer ring at vertices, but never divide the part.

    >>> parts = to_parts(np.array([[1, 0, 1]], np.uint8), np.array([0, 0, 3, 1]))
    >>> len(parts), len(parts[0])
    (2, 1)
    """
    rings = to_rings(mask, box_xyxy)
    if len(rings) < 2:
        return [rings] if rings else []
    _, labels = cv2.connectedComponents(mask, connectivity=4)
    left, top = box_xyxy[:2].tolist()
    parts: dict[int, list[Integers]] = {}
    for ring in rings:
        column, row = _pixel_on_the_right(ring)
        parts.setdefault(int(labels[row - top, column - left]), []).append(ring)
    # A hole has pixels of the part above it, so the highest ring is the outer one.
    return [sorted(part, key=lambda ring: int(ring[:, 1].min())) for part in parts.values()]


def _pixel_on_the_right(ring: Integers) -> tuple[int, int]:
    """Return the x and y of a pixel at a ring's first edge, on the side of the object."""
    (x, y), (next_x, next_y) = ring[:2].tolist()
    return x - (next_x < x or next_y > y), y - (next_x < x or next_y < y)


def _corners(mask: Mask) -> tuple[Integers, Integers, Integers]:
    """Return where the outline turns, row by row: columns, rows and turns, int64 (V,) each.

    A turn is 1 if the edges that end there do so at an upper left or a lower right pixel, else -1. If two
    pixels touch only at their corners, the outline turns twice there: two vertices follow each other.
    """
    height, width = mask.shape
    framed = np.zeros((height + 2, width + 2), np.int8)  # np.pad would double the time of this function
    framed[1:-1, 1:-1] = mask
    steps = framed[1:] - framed[:-1]  # 1 and -1 along upper and lower edges of pixels
    changes = steps[:, 1:] - steps[:, :-1]  # 2 or -2 where one such edge ends and another starts
    places = np.flatnonzero(changes != 0)  # np.nonzero in two dimensions takes 7 times as long
    rows, columns = np.divmod(places, changes.shape[1])
    found = changes[rows, columns].astype(np.int64)
    twice = np.abs(found)
    return np.repeat(columns, twice), np.repeat(rows, twice), np.repeat(np.sign(found), twice)


def _following(columns: Integers, rows: Integers, turns: Integers) -> Integers:
    """Return int64 (V,), for each vertex the next one of its ring."""
    following = np.empty(len(turns), np.int64)
    # In each row of vertices, every odd one is joined to the even one on its right; likewise in each column.
    left, right = np.arange(len(turns)).reshape(-1, 2).T
    # Of two vertices at one place, the first has the edge from the left. It is joined to the edge from above
    # if there is a pixel between the two, else to the edge below, so that the outline follows its pixel.
    order = np.arange(len(turns)) * turns
    top, bottom = np.lexsort((order, rows, columns)).reshape(-1, 2).T
    for start, end, forwards in ((left, right, turns[left] > 0), (bottom, top, turns[top] > 0)):
        following[np.where(forwards, start, end)] = np.where(forwards, end, start)
    return following


def _places(columns: Integers, rows: Integers) -> Integers:
    """Return int64 (V,), for each vertex the first one at the same place: itself or the one before."""
    first = np.arange(len(columns))
    first[1:] -= (columns[1:] == columns[:-1]) & (rows[1:] == rows[:-1])
    return first


def _walk(following: Integers, places: Integers) -> list[list[int]]:
    """Return the vertices of each ring: when a walk reaches a place again, those in between form one."""
    follow, place_of = following.tolist(), places.tolist()  # Python reads lists several times as fast
    walked = [False] * len(follow)
    rings: list[list[int]] = []
    for start in range(len(follow)):
        path: list[int] = []
        reached: dict[int, int] = {}  # place → its index in the path
        vertex = start
        while not walked[vertex]:
            walked[vertex] = True
            place = place_of[vertex]
            if place in reached:
                ring = path[reached[place] :]
                del path[reached[place] :]
                for other in ring:
                    del reached[place_of[other]]
                rings.append(ring)
            reached[place] = len(path)
            path.append(vertex)
            vertex = follow[vertex]
        if path:
            rings.append(path)
    return rings
