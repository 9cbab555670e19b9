"""Batches follow from the seed and the step alone, so that a killed run sees what it would have seen."""

from __future__ import annotations

import dataclasses
from itertools import islice

import numpy as np
import pytest
from drawn_data import BOOT, TINY, Drawn, grey_level_of, labels_with, sample_of

from model.families.mask_rcnn.anchors import pyramid_anchors
from model.families.mask_rcnn.augmentation import UNCHANGED, Augmentation
from model.families.mask_rcnn.batches import Batch, BatchSource

SIZE = 64
ONE = labels_with((80, 90), [(20, 30, BOOT)])
TWO = labels_with((80, 90), [(20, 30, BOOT), (50, 60, BOOT)])
EMPTY = np.zeros((80, 90), np.uint16)


def source(data: Drawn, seed: int = 3, batch_size: int = 2) -> BatchSource:
    return BatchSource(data, TINY, Augmentation(), batch_size, SIZE, seed)


@pytest.fixture
def data() -> Drawn:
    return Drawn([sample_of(labels) for labels in (ONE, TWO, EMPTY)])


def assert_same(one: Batch, other: Batch) -> None:
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name], err_msg=name)


def test_a_batch_holds_what_it_says(data: Drawn) -> None:
    anchors, room = len(pyramid_anchors(TINY, SIZE, SIZE)), TINY.max_gt_instances
    ((_, batch),) = source(data).batches(0, 1)
    assert {name: (values.shape, str(values.dtype)) for name, values in batch.items()} == {
        "picture": ((2, SIZE, SIZE, 3), "float32"),
        "rpn_match": ((2, anchors), "int32"),
        "rpn_deltas": ((2, anchors, 4), "float32"),
        "boxes": ((2, room, 4), "float32"),
        "class_ids": ((2, room), "int32"),
        "mini_masks": ((2, room, 56, 56), "uint8"),
        "crowd_boxes": ((2, room, 4), "float32"),
        "seed": ((2,), "int32"),
    }


def test_the_same_seed_and_step_give_the_same_batch(data: Drawn) -> None:
    for (step, one), (_, same) in zip(source(data).batches(0, 4), source(data).batches(0, 4), strict=True):
        assert_same(one, same)
        assert one["seed"][0] != one["seed"][1], step


def test_another_seed_gives_another_stream(data: Drawn) -> None:
    (_, one), (_, other) = next(source(data).batches(0, 1)), next(source(data, seed=4).batches(0, 1))
    assert not np.array_equal(one["picture"], other["picture"])


@pytest.mark.parametrize("first", [1, 4, 6, 7])
def test_a_stream_taken_up_later_is_the_same_stream(data: Drawn, first: int) -> None:
    whole = dict(source(data).batches(0, 7))
    rest = list(source(data).batches(first, 7))
    assert [step for step, _ in rest] == list(range(first, 7))
    for step, batch in rest:
        assert_same(batch, whole[step])


def test_a_stream_can_be_left_early(data: Drawn) -> None:
    assert [step for step, _ in islice(source(data).batches(0, 1000), 2)] == [0, 1]


def test_no_objects_at_all_give_batches_of_background() -> None:
    for _, batch in source(Drawn([sample_of(EMPTY)])).batches(0, 3):
        assert not batch["class_ids"].any()
        assert not (batch["rpn_match"] == 1).any()
        assert (batch["rpn_match"] == -1).sum(axis=1).tolist() == [TINY.rpn_train_anchors_per_image] * 2


def test_a_crowded_image_fills_its_room_and_no_more() -> None:
    dots = [(y, x, np.ones((3, 3), np.uint8)) for y in range(2, 60, 6) for x in range(2, 60, 6)]
    ((_, batch),) = source(Drawn([sample_of(labels_with((64, 64), dots))])).batches(0, 1)
    assert (batch["class_ids"] > 0).all()


def test_a_crowd_is_never_background() -> None:
    """The left half is a crowd: of the anchors that touch it none is drawn, of the others some are."""
    left = dataclasses.replace(
        sample_of(np.zeros((64, 64), np.uint16)),
        crowd_boxes=np.array([[0, 0, 32, 64]], np.int32),
        crowd_class_ids=np.array([1], np.int32),
        crowd_masks=[np.ones((64, 32), np.uint8)],
    )
    still = Augmentation(quarter_turns=False, vertical_flip=False, zoom=(1, 1))
    anchors, seen = pyramid_anchors(TINY, SIZE, SIZE), set()
    for _, batch in BatchSource(Drawn([left]), TINY, still, 1, SIZE, seed=0).batches(0, 8):
        x1, x2 = batch["crowd_boxes"][0, 0, [1, 3]]
        assert not batch["crowd_boxes"][0, 1:].any()
        seen.add((round(float(x1), 1), round(float(x2), 1)))
        background = anchors[batch["rpn_match"][0] == -1]
        assert len(background)
        assert ((background[:, 3] <= x1) | (background[:, 1] >= x2)).all()
    assert seen == {(0.0, 0.5), (0.5, 1.0)}  # mirrored with the picture


def test_a_rare_kind_is_drawn_by_the_square_root() -> None:
    """Of class 1 sixteen, of class 2 four: one kind is drawn twice as often, not four times."""
    common = sample_of(labels_with((64, 64), [(16, 16, np.ones((32, 32), np.uint8))]), "common")
    rare = dataclasses.replace(common, kind="rare", class_ids=np.array([2], np.int32))
    drawn_classes = [
        int(batch["class_ids"].max())
        for _, batch in BatchSource(
            Drawn([common] * 16 + [rare] * 4), TINY, Augmentation(zoom=(1, 1)), 1, SIZE, seed=0
        ).batches(0, 400)
    ]
    assert drawn_classes.count(1) / drawn_classes.count(2) == pytest.approx(2, rel=0.2)


def test_in_order_each_sample_comes_once_and_looks_the_same_each_time() -> None:
    """As drawn, in grey levels that tell the samples apart; the first again where there is room."""
    filled = [np.full((64, 64), number, np.uint16) for number in (1, 2, 3)]
    data = Drawn([sample_of(labels) for labels in filled])
    unchanged = dataclasses.replace(source(data), augmentation=UNCHANGED)
    batches, again = list(unchanged.in_order()), list(unchanged.in_order())
    for one, same in zip(batches, again, strict=True):
        assert_same(one, same)
    pictures = np.concatenate([batch["picture"] for batch in batches])
    levels = [np.unique(np.rint(picture[..., 0] + TINY.mean_pixel[0])).tolist() for picture in pictures]
    assert levels == [[grey_level_of(number)] for number in (1, 2, 3, 1)]
