"""The picture that people look at."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hard_segments import HARD

from model.formats.label_map import segments_to_label_map
from model.formats.overlay import PALETTE, Layers, draw_overlay, pick_colours
from model.results.segments import Segments

NAMES = ["background", "cell"]


def grey_picture(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), 90, np.uint8)


def segments_in(boxes: list[tuple[int, int, int, int]], size: tuple[int, int]) -> Segments:
    """Segments that fill their boxes, best score first."""
    count = len(boxes)
    return Segments(
        size=size,
        boxes=np.array(boxes, np.int32).reshape(count, 4),
        class_ids=np.ones(count, np.int32),
        scores=np.linspace(0.99, 0.5, count, dtype=np.float32),
        masks=[np.ones((y2 - y1, x2 - x1), np.uint8) for x1, y1, x2, y2 in boxes],
    )


def black_pixels(picture: np.ndarray) -> int:
    """Only a label's text is black: the pictures here are grey and the colours bright."""
    return np.count_nonzero((picture < 25).all(axis=2))


def test_the_object_is_tinted_and_the_rest_is_left_as_it_was() -> None:
    picture = grey_picture(100, 80)
    before = picture.copy()

    overlay = draw_overlay(picture, segments_in([(20, 20, 50, 50)], (100, 80)), NAMES)

    assert (picture == before).all()  # the input is not drawn on
    assert overlay.shape == picture.shape
    assert overlay.dtype == np.uint8
    expected = np.rint(0.6 * 90 + 0.4 * np.array(PALETTE[0]))
    assert (overlay[35, 35] == expected).all()
    assert np.abs(overlay[20, 35] - np.array(PALETTE[0])).max() < 10  # the outline, in full colour
    assert (overlay[:18] == 90).all()
    assert (overlay[:, 53:] == 90).all()


def test_a_hole_is_not_tinted_and_has_an_outline() -> None:
    segments = segments_in([(10, 10, 50, 50)], (100, 80))
    segments.masks[0][10:30, 10:30] = 0

    overlay = draw_overlay(grey_picture(100, 80), segments, NAMES)

    assert (overlay[30, 30] == 90).all()
    assert np.abs(overlay[30, 19] - np.array(PALETTE[0])).max() < 10


def test_a_read_only_picture_can_be_drawn_over() -> None:
    picture = grey_picture(100, 80)
    picture.setflags(write=False)  # as `decode` gives it

    assert draw_overlay(picture, segments_in([(20, 20, 50, 50)], (100, 80)), NAMES).any()


@pytest.mark.parametrize("size", [(200, 150), (1000, 750), (3000, 2000)])
def test_a_large_object_is_labelled_in_pictures_of_any_size(size: tuple[int, int]) -> None:
    width, height = size
    box = (width // 4, height // 4, width - 10, height - 10)

    overlay = draw_overlay(grey_picture(width, height), segments_in([box], size), NAMES)

    assert black_pixels(overlay) > 30


@pytest.mark.parametrize(
    "box",
    [
        (0, 0, 400, 300),  # fills the picture: the label has room only inside
        (0, 0, 200, 100),  # top left
        (200, 200, 400, 300),  # bottom right
        (350, 0, 400, 300),  # at the right edge, narrower than the label: none
    ],
)
def test_a_label_stays_in_the_picture(box: tuple[int, int, int, int]) -> None:
    overlay = draw_overlay(grey_picture(400, 300), segments_in([box], (400, 300)), NAMES)

    assert overlay.shape == (300, 400, 3)
    assert (black_pixels(overlay) > 0) == (box[2] - box[0] > 50)


def test_hundreds_of_small_objects_get_no_labels() -> None:
    boxes = [(x, y, x + 22, y + 22) for y in range(0, 480, 30) for x in range(0, 600, 30)]

    overlay = draw_overlay(grey_picture(600, 480), segments_in(boxes, (600, 480)), NAMES)

    assert len(boxes) == 320
    assert black_pixels(overlay) == 0


def test_labels_do_not_cover_each_other() -> None:
    # Four labels have room at one box: above, at its head, at its foot and below. The fifth is left out.
    box = (100, 100, 300, 200)
    picture = grey_picture(400, 300)

    inks = [
        black_pixels(draw_overlay(picture, segments_in([box] * n, (400, 300)), NAMES)) for n in range(1, 7)
    ]

    assert inks[0] < inks[1] < inks[2] < inks[3]
    assert abs(inks[4] - inks[3]) < inks[0] / 2
    assert abs(inks[5] - inks[3]) < inks[0] / 2


def test_empty_masks_and_no_segments_leave_the_picture_as_it_was() -> None:
    picture = grey_picture(300, 300)
    empty = segments_in([(50, 50, 250, 250)], (300, 300))
    empty.masks[0][:] = 0

    assert (draw_overlay(picture, empty, NAMES) == picture).all()
    assert (draw_overlay(picture, Segments.none((300, 300)), NAMES) == picture).all()


@pytest.mark.parametrize("segments", HARD.values(), ids=HARD)
def test_every_object_shows_and_what_is_not_near_one_is_left_as_it_was(segments: Segments) -> None:
    picture = grey_picture(*segments.size)

    overlay = draw_overlay(picture, segments, NAMES)

    covered = segments_to_label_map(segments) > 0
    assert overlay.shape == picture.shape
    assert (overlay != picture).any(axis=2)[covered].all()
    near = cv2.dilate(covered.view(np.uint8), np.ones((5, 5), np.uint8)) > 0
    assert (overlay == picture)[~near].all()  # two pixels: a thin line, smoothed, and its soft edges


def test_far_apart_objects_take_the_colours_by_turns() -> None:
    boxes = np.array([[100 * i, 0, 100 * i + 50, 50] for i in range(9)], np.int32)

    assert pick_colours(boxes) == [*PALETTE, *PALETTE[:2]]


def test_neighbours_have_different_colours() -> None:
    # The eighth object, whose turn is the first colour, touches the first.
    boxes = np.array([[100 * i, 0, 100 * i + 50, 50] for i in range(7)] + [[52, 0, 90, 50]], np.int32)

    colours = pick_colours(boxes)

    assert colours[7] not in (colours[0], PALETTE[0])


BOX = (100, 100, 300, 250)


@pytest.mark.parametrize(
    ("layers", "seen"),
    [
        (Layers(), {"fill", "outline", "label"}),
        (Layers(fill=0), {"outline", "label"}),
        (Layers(outlines=False), {"fill", "label"}),
        (Layers(labels=False), {"fill", "outline"}),
        (Layers(outlines=False, labels=False, boxes=True), {"fill", "box"}),
        (Layers(fill=0, outlines=False, labels=False), set()),
    ],
)
def test_only_the_layers_asked_for_are_drawn(layers: Layers, seen: set[str]) -> None:
    segments = segments_in([BOX], (400, 300))
    segments.masks[0][:, :20] = 0  # so that the box is not the outline
    colour = np.array(PALETTE[0])

    overlay = draw_overlay(grey_picture(400, 300), segments, NAMES, layers)

    def is_in_colour(x: int, y: int) -> bool:
        return bool(np.abs(overlay[y, x].astype(int) - colour).max() < 25)

    found = {
        "fill": (overlay[175, 200] != 90).any(),
        "outline": is_in_colour(120, 200),
        "box": is_in_colour(100, 200),
        "label": black_pixels(overlay) > 0,
    }
    assert {name for name, is_seen in found.items() if is_seen} == seen


def test_the_fill_is_as_opaque_as_asked() -> None:
    overlay = draw_overlay(
        grey_picture(400, 300), segments_in([BOX], (400, 300)), NAMES, Layers(fill=1, labels=False)
    )
    assert (overlay[175, 200] == PALETTE[0]).all()


def test_colours_that_are_given_are_used() -> None:
    segments = segments_in([BOX], (400, 300))
    overlay = draw_overlay(
        grey_picture(400, 300), segments, NAMES, Layers(fill=1, labels=False), [(255, 0, 128)]
    )
    assert (overlay[175, 200] == (255, 0, 128)).all()
