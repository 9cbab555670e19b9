"""Masks that callers send back are the masks that they got, whatever their form."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from model.formats.json import MaskFormat, segments_to_json
from model.given import rings, run_lengths
from model.given.complaints import TooManyObjects, UnusableObjects
from model.given.masks import PackedMasks, mask_of
from model.given.rings import Crossings
from tests.model.formats.hard_segments import HARD

MANY = 10**9
FORMS = [form for form in get_args(MaskFormat) if form != "none"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("piece", [7, 1 << 20])
def test_each_mask_is_read_as_it_was_written(
    monkeypatch: pytest.MonkeyPatch, form: MaskFormat, piece: int
) -> None:
    for module in (run_lengths, rings):  # what is long is read in pieces
        monkeypatch.setattr(module, "_PIECE", piece)
    for segments in HARD.values():
        for segment, mask in zip(
            segments_to_json(segments, ["background", "cell"], mask_format=form), segments.masks, strict=True
        ):
            read = mask_of(segment["mask"], tuple(segment["box"]), segments.size, Crossings(MANY))
            np.testing.assert_array_equal(read, mask)


def test_rings_of_floats_or_with_more_points_are_the_same_mask() -> None:
    for name in ("hole", "two halves", "island in a hole", "diagonal", "thousand"):
        segments = HARD[name]
        for segment, mask in zip(
            segments_to_json(segments, ["background", "cell"], mask_format="polygon"),
            segments.masks,
            strict=True,
        ):
            box = tuple(segment["box"])
            floats = [[float(value) for value in ring] for ring in segment["mask"]]
            doubled = [
                np.repeat(np.reshape(ring, (-1, 2)), 2, 0).ravel().tolist() for ring in segment["mask"]
            ]
            for ring in (floats, doubled):
                read = mask_of(ring, box, segments.size, Crossings(MANY))
                np.testing.assert_array_equal(read, mask)


def test_a_drawn_ring_has_the_pixels_whose_centres_it_encloses() -> None:
    read = mask_of([[0.6, 0.4, 3.4, 0.4, 3.4, 2.4, 0.6, 2.4]], (0, 0, 4, 3), (10, 8), Crossings(MANY))
    np.testing.assert_array_equal(read, [[0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]])


def test_a_ring_slightly_beyond_its_box_is_cut_off_and_one_far_beyond_is_refused() -> None:
    read = mask_of([[-0.3, 0, 4.3, 0, 4.3, 3, -0.3, 3]], (0, 0, 4, 3), (10, 8), Crossings(MANY))
    assert read.all()
    with pytest.raises(UnusableObjects, match="exceeds its box"):
        mask_of([[0, 0, 6, 0, 6, 3, 0, 3]], (0, 0, 4, 3), (10, 8), Crossings(MANY))


def test_crossings_are_limited_for_all_objects_together() -> None:
    crossings = Crossings(10)
    slanted = [[0, 0, 4, 0, 3.5, 3, 0, 3]]
    mask_of(slanted, (0, 0, 4, 3), (10, 8), crossings)
    with pytest.raises(TooManyObjects, match="rows of pixels"):
        mask_of(slanted, (0, 0, 4, 3), (10, 8), crossings)


def test_packed_masks_are_a_sequence_of_masks() -> None:
    packed = PackedMasks()
    for mask in HARD["thousand"].masks[:5]:
        packed.append(mask)
    assert len(packed) == 5
    for read, mask in zip(packed[1:], HARD["thousand"].masks[1:5], strict=True):
        np.testing.assert_array_equal(read, mask)
    np.testing.assert_array_equal(packed.in_order([3])[0], HARD["thousand"].masks[3])
