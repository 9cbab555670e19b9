"""Shapes: each measure is scikit-image's, object by object, and close to ImageJ's where those differ."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from skimage.measure import regionprops

from model.measures import measure, shape
from model.measures.shape import shape_of
from model.results.masks import from_label_map
from model.results.polygons import to_rings
from model.results.segments import Segments

Labels = npt.NDArray[np.uint16]

OF_REGIONPROPS = (
    "area",
    "perimeter",
    "eccentricity",
    "axis_major_length",
    "axis_minor_length",
    "orientation",
    "solidity",
    "extent",
    "equivalent_diameter_area",
    "feret_diameter_max",
)

# regionprops takes roots of differences of rounded numbers: of a line, its minor axis is 1e-7 instead of 0.
TOLERANCE = {"eccentricity": 1e-6, "axis_minor_length": 1e-6}


def segments_of(labels: Labels) -> Segments:
    boxes, masks = from_label_map(labels)
    ones = np.ones(len(boxes))
    height, width = labels.shape
    return Segments((width, height), boxes, ones.astype(np.int32), ones.astype(np.float32), masks)


def cells(count: int = 8, side: int = 40) -> Labels:
    """Round and long objects of about 30 pixels, in a grid; those of the first row touch the border."""
    noise = np.random.default_rng(1)
    labels = np.zeros((count * side, count * side), np.uint16)
    for number in range(count * count):
        row, column = divmod(number, count)
        centre = (column * side + side // 2, row * side + (side // 2 if row else 5))
        axes = (int(noise.integers(12, 17)), int(noise.integers(8, 16)))
        cv2.ellipse(labels, centre, axes, int(noise.integers(180)), 0, 360, number + 1, -1)
    return labels


def blobs() -> Labels:
    """Ragged objects with holes, of several parts."""
    noise = np.random.default_rng(2).random((160, 200))
    return (1 + np.arange(200)[None] // 50 * (cv2.GaussianBlur(noise, (0, 0), 3) > 0.5)).astype(np.uint16)


def lines() -> Labels:
    labels = np.zeros((60, 60), np.uint16)
    labels[3, 3] = 1  # one pixel
    labels[6, 2:30] = 2  # lines of one pixel's width
    labels[8:40, 4] = 3
    cv2.line(labels, (10, 10), (40, 40), 4)
    cv2.line(labels, (10, 50), (50, 37), 5)
    labels[50:53, 50:53] = 6  # as wide as high
    labels[51, 51] = 0
    labels[0, 59] = labels[59, 0] = 7  # two corners of the image
    labels[55, 10:12] = 8
    return labels


def speckles() -> Labels:
    return np.random.default_rng(3).integers(0, 5, (37, 23)).astype(np.uint16)


PICTURES = {function.__name__: function for function in (cells, blobs, lines, speckles)}


@pytest.mark.parametrize("spacing", [None, (0.5, 0.5), (0.31, 0.5)], ids=["pixels", "square", "oblong"])
@pytest.mark.parametrize("name", PICTURES)
def test_each_object_has_the_shape_that_regionprops_tells(
    name: str, spacing: tuple[float, float] | None
) -> None:
    labels = PICTURES[name]()
    found = measure(segments_of(labels), None, ["shape"], None if spacing is None else spacing[::-1])
    expected = regionprops(labels.astype(int), spacing=spacing)

    assert len(found.values) == len(expected) > 2
    for mine, theirs in zip(found.values, expected, strict=True):
        for one in OF_REGIONPROPS:
            if one == "perimeter" and spacing and spacing[0] != spacing[1]:
                assert mine[one] is None  # regionprops raises NotImplementedError
            elif one == "orientation":
                check_orientation(mine, theirs)
            else:
                wanted = pytest.approx(float(theirs[one]), rel=1e-9, abs=TOLERANCE.get(one, 1e-9))
                assert mine[one] == wanted, (one, theirs.label)
        sides = np.array(spacing or (1, 1))
        assert (mine["centroid_y"], mine["centroid_x"]) == pytest.approx(theirs.centroid + 0.5 * sides)
        top, left, bottom, right = theirs.bbox
        touches = 0 in (top, left) or bottom == labels.shape[0] or right == labels.shape[1]
        assert mine["touches_border"] == touches


def check_orientation(mine: dict[str, float | None], theirs: Any) -> None:
    """Where an object is round, rounding alone decides what regionprops tells."""
    if (mine["eccentricity"] or 0) > 1e-5:
        turn = abs((mine["orientation"] or 0) - theirs.orientation)
        assert min(turn, math.pi - turn) < 1e-6


def random_masks() -> Iterator[npt.NDArray[np.uint8]]:
    noise = np.random.default_rng(4)
    for _ in range(60):
        mask = (noise.random(noise.integers(1, 40, 2)) < noise.random()).astype(np.uint8)
        if mask.any():
            yield mask


@pytest.mark.parametrize("block", [1 << 18, 50])  # in which a large mask is compared with its hull
def test_the_hull_of_any_mask_is_that_of_regionprops(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(shape, "_BLOCK", block)
    for mask in random_masks():
        (theirs,) = regionprops(mask.astype(int))
        height, width = mask.shape
        mine = shape_of(mask, np.array([0, 0, width, height], np.int32), (width, height))
        assert mine["solidity"] == pytest.approx(theirs.solidity, rel=1e-12)
        assert mine["feret_diameter_max"] == pytest.approx(theirs.feret_diameter_max, rel=1e-12)


def test_a_mask_smaller_than_its_box_is_measured_as_if_the_box_fitted() -> None:
    mask = np.zeros((9, 11), np.uint8)
    mask[2:6, 3:9] = 1
    loose = shape_of(mask, np.array([0, 0, 11, 9], np.int32), (100, 100))
    tight = shape_of(mask[2:6, 3:9].copy(), np.array([3, 2, 9, 6], np.int32), (100, 100))

    assert loose == tight
    assert (loose["extent"], loose["touches_border"]) == (1, 0)


def test_overlapping_objects_are_measured_each_on_its_own_mask() -> None:
    square = np.ones((10, 10), np.uint8)
    boxes = np.array([[5, 5, 15, 15], [8, 8, 18, 18]], np.int32)
    both = Segments((30, 30), boxes, np.ones(2, np.int32), np.ones(2, np.float32), [square, square])

    first, second = measure(both, None, ["shape"]).values
    assert first["area"] == second["area"] == 100
    assert first["perimeter"] == second["perimeter"] == 36


def test_an_empty_mask_has_an_area_and_nothing_else() -> None:
    measures = shape_of(np.zeros((3, 4), np.uint8), np.array([0, 0, 4, 3], np.int32), (10, 10))

    assert measures.pop("area") == 0
    assert set(measures.values()) == {None}


def test_a_single_pixel_has_no_circularity() -> None:
    measures = shape_of(np.ones((1, 1), np.uint8), np.array([4, 4, 5, 5], np.int32), (10, 10))

    assert (measures["perimeter"], measures["circularity"]) == (0, None)
    assert measures["feret_diameter_max"] == 1


def disc(diameter: int) -> npt.NDArray[np.uint8]:
    y, x = np.mgrid[:diameter, :diameter] + 0.5 - diameter / 2
    return (x**2 + y**2 <= diameter**2 / 4).astype(np.uint8)


def square(side: int) -> npt.NDArray[np.uint8]:
    return np.ones((side, side), np.uint8)


def perimeter_of_imagej(mask: npt.NDArray[np.uint8]) -> float:
    """PolygonRoi.getTracedPerimeter: the outline along pixels' edges, with corners cut diagonally."""
    height, width = mask.shape
    (ring,) = to_rings(mask, np.array([0, 0, width, height], np.int32))
    sides = np.abs(ring - np.roll(ring, 1, axis=0)).sum(axis=1).tolist()
    corners, is_corner = 0, False
    for side in sides:
        is_corner = side > 1 or not is_corner
        corners += is_corner
    return sum(sides) - corners * (2 - math.sqrt(2))


@pytest.mark.parametrize(
    ("drawn", "shorter"),
    [(disc, 1.07), (square, 1.66)],  # pixels, whatever the size: docs/measures.md
)
@pytest.mark.parametrize("diameter", [10, 30, 100])
def test_perimeters_differ_from_imagejs_by_what_the_documentation_says(
    drawn: Callable[[int], npt.NDArray[np.uint8]], shorter: float, diameter: int
) -> None:
    mask = drawn(diameter)
    mine = shape_of(mask, np.array([5, 5, diameter + 5, diameter + 5], np.int32), (300, 300))
    of_imagej = perimeter_of_imagej(mask)

    assert mine["area"] == mask.sum()  # ImageJ counts pixels, too
    assert of_imagej - (mine["perimeter"] or 0) == pytest.approx(shorter, abs=0.01)
    round_by_imagej = 4 * math.pi * mask.sum() / of_imagej**2
    assert 1.0 < (mine["circularity"] or 0) / round_by_imagej < 1.1
    (ring,) = to_rings(mask, np.array([0, 0, diameter, diameter], np.int32))
    feret_of_imagej = math.sqrt(((ring[:, None] - ring) ** 2).sum(axis=2).max())
    assert abs(feret_of_imagej - (mine["feret_diameter_max"] or 0)) < 0.75


def test_lengths_and_areas_are_in_micrometres_where_a_pixels_size_is_known() -> None:
    mask = np.ones((4, 10), np.uint8)  # 10 x 4 pixels of 0.5 µm: 5 x 2 µm
    measures = shape_of(mask, np.array([2, 6, 12, 10], np.int32), (100, 100), (0.5, 0.5))

    assert measures["area"] == 10
    assert measures["perimeter"] == (9 + 9 + 3 + 3) * 0.5
    assert measures["equivalent_diameter_area"] == pytest.approx(math.sqrt(40 / math.pi))
    assert measures["axis_major_length"] == pytest.approx(4 * math.sqrt((10**2 - 1) / 12) * 0.5)
    assert measures["feret_diameter_max"] == pytest.approx(math.hypot(10, 3) * 0.5)
    assert (measures["centroid_x"], measures["centroid_y"]) == (3.5, 4)
    assert (measures["solidity"], measures["extent"]) == (1, 1)


def test_many_objects_take_less_than_half_of_the_time_that_scikit_image_takes() -> None:
    labels = cells(20)
    segments = segments_of(labels)
    image = np.random.default_rng(5).integers(0, 4096, (*labels.shape, 1)).astype(np.uint16)

    def ours() -> None:
        assert len(measure(segments, image, ["shape", "intensity"]).values) == 400

    def theirs() -> None:
        for region in regionprops(labels):
            for name in ("perimeter", "eccentricity", "solidity", "feret_diameter_max"):
                assert region[name] >= 0

    def seconds(work: Callable[[], None]) -> float:
        start = time.thread_time()
        work()
        return time.thread_time() - start

    assert min(seconds(ours) for _ in range(3)) < seconds(theirs) / 2
