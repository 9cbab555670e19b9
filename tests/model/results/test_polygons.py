"""Rings that enclose a mask's very pixels."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco_mask

from model.results.polygons import to_parts, to_rings

# pycocotools decodes in a way that NumPy 2 will give up one day.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def rings_of(picture: str) -> list[list[list[int]]]:
    """The rings of a mask drawn with # in a picture's upper left corner."""
    mask = np.array([[character == "#" for character in row] for row in picture.split()], np.uint8)
    return [ring.tolist() for ring in to_rings(mask, np.array([0, 0, *mask.shape[::-1]], np.int32))]


def even_odd(rings: list[np.ndarray], height: int, width: int) -> np.ndarray:
    """The definition: a pixel is inside when a line from it to the left crosses an odd number of edges."""
    crossings = np.zeros((height, width), np.int64)
    for ring in rings:
        for (x, y1), (_, y2) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
            crossings[min(y1, y2) : max(y1, y2), x:] += 1
    return crossings % 2


def clockwise_area(ring: np.ndarray) -> float:
    """The ring's area on the screen, where y points down; negative where it runs the other way."""
    x, y = ring.T
    return float(x @ np.roll(y, -1) - np.roll(x, -1) @ y) / 2


@pytest.mark.parametrize(
    ("picture", "rings"),
    [
        ("#", [[[0, 0], [1, 0], [1, 1], [0, 1]]]),  # the image's first pixel
        (".", []),
        ("### ###", [[[0, 0], [3, 0], [3, 2], [0, 2]]]),  # no vertex along a straight edge
        ("##. ###", [[[0, 0], [2, 0], [2, 1], [3, 1], [3, 2], [0, 2]]]),  # a step
        (
            "### #.# ###",  # a hole, which runs the other way round
            [[[0, 0], [3, 0], [3, 3], [0, 3]], [[1, 1], [1, 2], [2, 2], [2, 1]]],
        ),
        (
            "#. .#",  # pixels that touch at a corner are apart
            [[[0, 0], [1, 0], [1, 1], [0, 1]], [[1, 1], [2, 1], [2, 2], [1, 2]]],
        ),
    ],
)
def test_rings_run_along_the_edges_of_pixels(picture: str, rings: list[list[list[int]]]) -> None:
    assert rings_of(picture) == rings


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("seed", range(30))
def test_random_masks_come_back_pixel_for_pixel_from_simple_rings(share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 14, 2)
    left, top = random.integers(0, 4, 2)
    mask = (random.random((height, width)) < share).astype(np.uint8)
    frame = np.pad(mask, ((top, 2), (left, 1)))

    rings = to_rings(mask, np.array([left, top, left + width, top + height], np.int32))

    assert (even_odd(rings, *frame.shape) == frame).all()
    assert sum(clockwise_area(ring) for ring in rings) == np.count_nonzero(mask)
    united = np.zeros_like(frame)
    for ring in rings:
        assert len(np.unique(ring, axis=0)) == len(ring) >= 4  # comes to no place twice
        steps = np.roll(ring, -1, axis=0) - ring
        assert (np.count_nonzero(steps, axis=1) == 1).all()  # along edges of pixels
        assert ((steps != 0) != (np.roll(steps, -1, axis=0) != 0)).all()  # turns at each vertex
        # Another rasteriser, which knows nothing of ours: pycocotools takes one ring at a time.
        coco = coco_mask.merge(coco_mask.frPyObjects([ring.ravel().tolist()], *map(int, frame.shape)))
        united ^= coco_mask.decode(coco)
    assert (united == frame).all()


def test_the_frame_around_a_hole_that_touches_the_outside_at_a_corner_is_two_simple_rings() -> None:
    # Walked as one, the ring would come to (2, 2) twice, which geometry libraries call invalid.
    hole, outer = sorted(rings_of("### #.# ##."), key=len)

    assert [2, 2] in outer
    assert sorted(hole) == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_two_parts_that_touch_at_two_corners_are_two_rings_and_what_is_between_them_is_no_hole() -> None:
    # As one ring and a hole, the hole would cut the polygon in two, which geometry libraries call invalid.
    assert [clockwise_area(np.array(ring)) for ring in rings_of(".## #.# ##.")] == [3, 3]


def test_a_checkerboard_comes_back() -> None:
    mask = (np.indices((61, 47)).sum(axis=0) % 2).astype(np.uint8)

    rings = to_rings(mask, np.array([0, 0, 47, 61], np.int32))

    assert len(rings) == np.count_nonzero(mask)  # each pixel for itself, and no holes
    assert (even_odd(rings, 61, 47) == mask).all()


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize("seed", range(30))
def test_parts_are_what_is_joined_along_edges_each_a_ring_and_its_holes(share: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width = random.integers(1, 14, 2)
    mask = (random.random((height, width)) < share).astype(np.uint8)
    count, labels = cv2.connectedComponents(mask, connectivity=4)

    parts = to_parts(mask, np.array([2, 3, 2 + width, 3 + height], np.int32))

    assert len(parts) == count - 1
    for outer, *holes in parts:
        assert clockwise_area(outer) > 0
        assert all(clockwise_area(hole) < 0 for hole in holes)
        enclosed = even_odd([outer, *holes], height + 3, width + 2)[3:, 2:].astype(bool)
        (label,) = np.unique(labels[enclosed])
        assert (enclosed == (labels == label)).all()
