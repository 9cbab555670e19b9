"""The overlay of a semantic model: a colour a class, and a legend."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
import pytest

from model.formats.overlay import PALETTE, Layers, class_colour, draw_class_map, draw_overlay, draw_result
from model.results.result import ClassMap, Result
from model.results.segments import Segments

NAMES = ["background", "person", "sky", "tree"]
Labels = npt.NDArray[np.uint16]


def grey_picture(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def labels_of(width: int, height: int) -> Labels:
    """Class 1 in the lower half, class 3 in a square in the middle of it."""
    labels = np.zeros((height, width), np.uint16)
    labels[height // 2 :] = 1
    labels[3 * height // 4 : 7 * height // 8, width // 2 : 5 * width // 8] = 3
    return labels


def map_of(labels: Labels) -> ClassMap:
    return ClassMap(labels, {int(one): 0.9 for one in np.unique(labels) if one})


def is_legend(overlay: np.ndarray) -> npt.NDArray[np.bool_]:
    """Nothing else is as dark, in pictures of one grey."""
    return np.asarray((overlay < 40).all(axis=2))


def test_each_class_is_tinted_in_its_own_colour_and_the_rest_is_left_as_it_was() -> None:
    picture = grey_picture(640, 480)
    before = picture.copy()

    overlay = draw_class_map(picture, map_of(labels_of(640, 480)), NAMES)

    assert (picture == before).all()
    for (y, x), class_id in (((300, 100), 1), ((390, 360), 3)):
        assert (overlay[y, x] == np.rint(0.6 * 90 + 0.4 * np.array(class_colour(class_id)))).all()
    assert (overlay[200, 300] == 90).all()


def test_a_class_has_the_same_colour_whatever_else_is_in_the_picture() -> None:
    labels = labels_of(640, 480)
    alone = np.where(labels == 3, labels, np.uint16(0))

    both, one = (draw_class_map(grey_picture(640, 480), map_of(m), NAMES) for m in (labels, alone))

    assert (both[390, 360] == one[390, 360]).all()


def test_colours_go_on_beyond_the_palette_without_repeating() -> None:
    colours = [class_colour(class_id) for class_id in range(1, 22)]

    assert tuple(colours[: len(PALETTE)]) == PALETTE
    assert min(np.abs(np.subtract(a, b)).sum() for a, b in itertools.combinations(colours, 2)) > 30


@pytest.mark.parametrize("flip", [False, True])
def test_the_legend_stands_where_nothing_was_found(flip: bool) -> None:
    labels = labels_of(640, 480)
    if flip:
        labels = labels[::-1].copy()

    legend = is_legend(draw_class_map(grey_picture(640, 480), map_of(labels), NAMES))

    rows, columns = np.nonzero(legend)
    assert len(rows) > 1000
    assert not labels[rows, columns].any()
    assert rows.max() - rows.min() < 100 and columns.max() - columns.min() < 200


def test_the_legend_avoids_detail_where_everything_has_a_class() -> None:
    picture = np.random.default_rng(0).integers(60, 200, (480, 640, 3), np.uint8)
    picture[:240, 320:] = 90  # the upper right is calm

    overlay = draw_class_map(picture, map_of(np.ones((480, 640), np.uint16)), NAMES)

    rows, columns = np.nonzero(is_legend(overlay))
    assert rows.max() < 240 and columns.min() >= 320


@pytest.mark.parametrize(
    "size",
    [
        (40, 30),  # the legend would cover more than a quarter
        (2000, 3),  # and here it is higher than the picture
        (1, 1),
    ],
)
def test_a_picture_too_small_for_a_legend_has_none(size: tuple[int, int]) -> None:
    overlay = draw_class_map(grey_picture(*size), map_of(np.ones(size[::-1], np.uint16)), NAMES)

    assert not is_legend(overlay).any()


def test_the_legend_grows_with_the_picture() -> None:
    small, large = (
        np.count_nonzero(is_legend(draw_class_map(grey_picture(*size), map_of(labels_of(*size)), NAMES)))
        for size in ((800, 600), (3200, 2400))
    )

    assert 10 < large / small < 20  # 16 times the pixels


def test_of_many_classes_the_legend_has_those_that_have_room() -> None:
    labels = np.zeros((300, 400), np.uint16)
    labels[100:] = 1 + np.arange(400, dtype=np.uint16) // 4  # a hundred, each 4 pixels wide
    names = ["background", *(f"class number {number}" for number in range(1, 101))]

    legend = is_legend(draw_class_map(grey_picture(400, 300), map_of(labels), names))

    assert 2000 < np.count_nonzero(legend) < 0.25 * legend.size


def test_a_picture_without_classes_is_left_as_it_was() -> None:
    picture = grey_picture(300, 300)

    assert (draw_class_map(picture, map_of(np.zeros((300, 300), np.uint16)), NAMES) == picture).all()


def test_a_model_of_objects_has_the_overlay_of_objects() -> None:
    picture = grey_picture(200, 200)
    segments = Segments(
        size=(200, 200),
        boxes=np.array([[20, 20, 150, 150]], np.int32),
        class_ids=np.array([1], np.int32),
        scores=np.array([0.9], np.float32),
        masks=[np.ones((130, 130), np.uint8)],
    )

    assert (draw_result(picture, Result(segments), NAMES) == draw_overlay(picture, segments, NAMES)).all()


def test_only_the_layers_asked_for_are_drawn() -> None:
    labels = labels_of(640, 480)
    segments = Segments(
        size=(640, 480),
        boxes=np.array([[100, 250, 600, 470]], np.int32),
        class_ids=np.array([1], np.int32),
        scores=np.array([0.9], np.float32),
        masks=[np.ones((220, 500), np.uint8)],
    )
    result = Result(segments, map_of(labels))

    nothing = draw_result(grey_picture(640, 480), result, NAMES, Layers(0, False, False))
    boxed = draw_result(grey_picture(640, 480), result, NAMES, Layers(0, False, False, boxes=True))
    unlabelled = draw_result(grey_picture(640, 480), result, NAMES, Layers(labels=False))

    assert (nothing == 90).all()
    assert (boxed[300, 100] == class_colour(1)).all() and (boxed[300, 300] == 90).all()
    assert not is_legend(unlabelled).any() and (unlabelled[300, 100] != 90).any()
