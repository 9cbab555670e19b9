"""Tiles cover a picture and overlap as wanted."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from model.pictures.tiles import cut


@pytest.mark.parametrize(
    ("length", "side", "overlap", "count"),
    [
        (1, 64, 16, 1),  # a single pixel
        (40, 64, 16, 1),  # smaller than a tile
        (64, 64, 16, 1),  # exactly a tile
        (65, 64, 16, 2),  # one pixel more
        (112, 64, 16, 2),  # exactly two tiles and their overlap
        (113, 64, 16, 3),  # one pixel more
        (160, 64, 16, 3),  # exactly three
        (1000, 64, 16, 21),  # many; 936 / 48 is not whole
        (1001, 63, 15, 21),  # odd numbers, so that starts are rounded
        (10, 4, 0, 3),  # no overlap at all
        (7, 1, 0, 7),  # tiles of a pixel
    ],
)
def test_tiles_reach_from_edge_to_edge_with_the_wanted_overlap(
    length: int, side: int, overlap: int, count: int
) -> None:
    tiles = cut(length, 1, side, overlap)

    assert len(tiles) == count
    assert (tiles[0].x1, tiles[-1].x2) == (0, length)
    assert {tile.x2 - tile.x1 for tile in tiles} == {min(side, length)}
    assert all(left.x2 - right.x1 >= overlap for left, right in pairwise(tiles))


def test_tiles_cover_both_directions() -> None:
    seen = np.zeros((150, 90), int)

    tiles = cut(90, 150, 64, 16)

    for tile in tiles:
        tile.of(seen)[:] += 1
    assert len(tiles) == 2 * 3
    assert seen.min() == 1
    assert seen.max() == 4  # where four tiles meet
