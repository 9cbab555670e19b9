"""Tiles cover a picture, and their objects become those of the whole picture."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from model.families.mask_rcnn.joining import join
from model.pictures.tiles import Tile, cut
from model.results.segments import Segments

Mask = npt.NDArray[np.uint8]


def seen_through(
    tile: Tile, *objects: Mask, scores: list[float] | None = None, classes: list[int] | None = None
) -> Segments:
    """What a perfect network would answer for the tile: of each full-frame mask the part under it."""
    found = []
    scores = scores or [0.9] * len(objects)
    classes = classes or [1] * len(objects)
    for mask, score, class_id in zip(objects, scores, classes, strict=True):
        part = tile.of(mask)
        if part.any():
            rows, columns = np.flatnonzero(part.any(axis=1)), np.flatnonzero(part.any(axis=0))
            x1, x2, y1, y2 = columns[0], columns[-1] + 1, rows[0], rows[-1] + 1
            found.append((score, class_id, (x1, y1, x2, y2), part[y1:y2, x1:x2]))
    found.sort(key=lambda segment: -segment[0])
    return Segments(
        size=(tile.x2 - tile.x1, tile.y2 - tile.y1),
        boxes=np.array([box for _, _, box, _ in found], np.int32).reshape(-1, 4),
        class_ids=np.array([class_id for _, class_id, _, _ in found], np.int32),
        scores=np.array([score for score, *_ in found], np.float32),
        masks=[mask for *_, mask in found],
    )


def disc(width: int, height: int, x: float, y: float, radius: float) -> Mask:
    """A full-frame mask of a disc."""
    rows, columns = np.mgrid[:height, :width]
    return ((columns - x) ** 2 + (rows - y) ** 2 <= radius**2).astype(np.uint8)


def full_frame(segments: Segments, index: int) -> Mask:
    """One segment's mask in the whole picture."""
    width, height = segments.size
    frame = np.zeros((height, width), np.uint8)
    x1, y1, x2, y2 = segments.boxes[index]
    frame[y1:y2, x1:x2] = segments.masks[index]
    return frame


def test_an_object_cut_by_a_seam_becomes_one_with_exactly_its_pixels() -> None:
    tiles = cut(112, 64, 64, 16)  # the seam is at x 48…64
    cell = disc(112, 64, 56, 30, 14)

    whole = join(tiles, [seen_through(tile, cell) for tile in tiles], (112, 64))

    assert len(whole) == 1
    assert (full_frame(whole, 0) == cell).all()
    assert whole.boxes.tolist() == [[42, 16, 71, 45]]


def test_an_object_that_two_tiles_outline_a_little_differently_becomes_their_union() -> None:
    tiles = cut(112, 64, 64, 16)
    drawn_left, drawn_right = disc(112, 64, 56, 30, 14), disc(112, 64, 57, 31, 14)

    answers = [seen_through(tiles[0], drawn_left), seen_through(tiles[1], drawn_right)]
    whole = join(tiles, answers, (112, 64))

    left, right = drawn_left.copy(), drawn_right.copy()
    left[:, 64:], right[:, :48] = 0, 0
    assert len(whole) == 1
    assert (full_frame(whole, 0) == (left | right)).all()


def test_an_object_in_the_corner_of_four_tiles_becomes_one() -> None:
    tiles = cut(112, 112, 64, 16)
    cell = disc(112, 112, 56, 56, 20)

    whole = join(tiles, [seen_through(tile, cell) for tile in tiles], (112, 112))

    assert len(tiles) == 4
    assert len(whole) == 1
    assert (full_frame(whole, 0) == cell).all()


def test_an_object_longer_than_several_tiles_becomes_one() -> None:
    tiles = cut(300, 64, 64, 16)
    fibre = np.zeros((64, 300), np.uint8)
    fibre[20:26, 5:290] = 1

    whole = join(tiles, [seen_through(tile, fibre) for tile in tiles], (300, 64))

    assert len(whole) == 1
    assert (full_frame(whole, 0) == fibre).all()


def test_an_object_seen_whole_by_both_tiles_is_not_counted_twice() -> None:
    tiles = cut(112, 64, 64, 16)
    cell = disc(112, 64, 56, 30, 5)

    whole = join(tiles, [seen_through(tile, cell) for tile in tiles], (112, 64))

    assert len(whole) == 1
    assert (full_frame(whole, 0) == cell).all()


def test_a_remnant_at_a_tile_s_border_belongs_to_the_object_it_lies_in() -> None:
    tiles = cut(112, 64, 64, 16)  # the second tile starts at 48
    cell = disc(112, 64, 42, 30, 9)  # reaches to 51, so the second tile sees three columns of it
    thin = cell.copy()
    thin[:26] = thin[34:] = 0  # and outlines even less of them

    whole = join(tiles, [seen_through(tiles[0], cell), seen_through(tiles[1], thin)], (112, 64))

    assert len(whole) == 1
    assert (full_frame(whole, 0) == cell).all()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((56, 15, 10), (56, 45, 10)),  # apart, both on the seam
        ((56, 20, 10), (56, 41, 10)),  # touching
        ((44, 30, 11), (68, 30, 11)),  # one on each side, their boxes meeting within the seam
        ((50, 30, 12), (66, 30, 12)),  # overlapping a little
    ],
)
def test_neighbours_on_a_seam_stay_two(first: tuple[int, int, int], second: tuple[int, int, int]) -> None:
    tiles = cut(112, 64, 64, 16)
    cells = [disc(112, 64, *first), disc(112, 64, *second)]

    answers = [seen_through(tile, *cells, scores=[0.9, 0.8]) for tile in tiles]
    whole = join(tiles, answers, (112, 64))

    assert len(whole) == 2
    assert (full_frame(whole, 0) == cells[0]).all()
    assert (full_frame(whole, 1) == cells[1]).all()


def test_objects_of_different_classes_stay_apart_even_where_their_pixels_agree() -> None:
    tiles = cut(112, 64, 64, 16)
    cell = disc(112, 64, 56, 30, 12)

    answers = [seen_through(tiles[0], cell, classes=[1]), seen_through(tiles[1], cell, classes=[2])]
    whole = join(tiles, answers, (112, 64))

    assert sorted(whole.class_ids.tolist()) == [1, 2]


def test_two_overlapping_answers_of_one_tile_are_left_to_the_network() -> None:
    tiles = cut(112, 64, 64, 16)
    cell = disc(112, 64, 20, 30, 12)  # the first tile alone sees it

    whole = join(tiles, [seen_through(tiles[0], cell, cell), seen_through(tiles[1])], (112, 64))

    assert len(whole) == 2


def test_a_whole_object_has_its_better_score_and_the_best_come_first() -> None:
    tiles = cut(112, 64, 64, 16)
    left, middle, right = (disc(112, 64, x, 30, 8) for x in (15, 56, 95))

    answers = [
        seen_through(tiles[0], left, middle, scores=[0.7, 0.5]),
        seen_through(tiles[1], middle, right, scores=[0.8, 0.6]),
    ]
    whole = join(tiles, answers, (112, 64))

    assert whole.scores.tolist() == pytest.approx([0.8, 0.7, 0.6])
    assert (full_frame(whole, 0) == middle).all()
    assert (full_frame(whole, 1) == left).all()
    assert (full_frame(whole, 2) == right).all()


def test_tiles_that_see_nothing_give_an_answer_without_segments() -> None:
    tiles = cut(112, 64, 64, 16)

    whole = join(tiles, [seen_through(tile) for tile in tiles], (112, 64))

    assert len(whole) == 0
    assert whole.size == (112, 64)
    assert whole.boxes.shape == (0, 4)


def test_a_tile_that_sees_nothing_leaves_the_others_theirs() -> None:
    tiles = cut(112, 64, 64, 16)
    cell = disc(112, 64, 95, 30, 8)

    whole = join(tiles, [seen_through(tile, cell) for tile in tiles], (112, 64))

    assert len(whole) == 1
    assert (full_frame(whole, 0) == cell).all()
