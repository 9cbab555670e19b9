"""Batches of semantic training: truths, their order, and what they depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn_classes import write_class_maps

from model.data import open_data
from model.data.sample import Sample
from model.families.semantic.training.augmentation import UNCHANGED, Augmentation
from model.families.semantic.training.batches import BatchSource
from model.families.semantic.training.config import Gives, NetworkConfig
from model.families.semantic.training.figures import compare, figures_of
from model.families.semantic.training.truth import IGNORED, UNKNOWN, gives_of, pixels_of_classes, truth_of
from model.results.masks import from_label_map
from model.results.segments import Segments

CONFIG = NetworkConfig(encoder="plain", depth=2, base_width=4, size=(48, 40), fit="scale")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_class_maps(tmp_path_factory.mktemp("classes"), ["red", "blue"], count=5, unknown=True)


def source_of(folder: Path, gives: Gives = "classes", **changes: object) -> BatchSource:
    values = {"augmentation": Augmentation(), "batch_size": 2, "size": (32, 32), "seed": 1, **changes}
    return BatchSource(open_data(folder), CONFIG.semantic(gives), gives, **values)  # type: ignore[arg-type]


def test_a_batch_depends_only_on_the_seed_and_the_step(folder: Path) -> None:
    straight = dict(source_of(folder).batches(0, 6))
    resumed = dict(source_of(folder).batches(3, 6))
    for step, batch in resumed.items():
        for name, values in batch.items():
            np.testing.assert_array_equal(values, straight[step][name])
    other = dict(source_of(folder, seed=2).batches(0, 1))
    assert not np.array_equal(other[0]["picture"], straight[0]["picture"])


def test_each_epoch_has_every_picture_once_in_another_order(folder: Path) -> None:
    exact = {"augmentation": UNCHANGED, "batch_size": 5, "size": (48, 40)}
    epochs = [batch["picture"] for _, batch in source_of(folder, **exact).batches(0, 3)]
    orders = [[one.tobytes() for one in epoch] for epoch in epochs]
    assert [sorted(order) for order in orders] == [sorted(orders[0])] * 3
    assert len(set(orders[0])) == 5
    assert len({tuple(order) for order in orders}) > 1


def test_classes_keep_their_numbers_and_unknown_pixels_are_ignored(folder: Path) -> None:
    exact = {"augmentation": UNCHANGED, "batch_size": 5, "size": (48, 40)}
    (batch,) = source_of(folder, **exact).in_order()
    for index, truth in enumerate(batch["truth"]):
        class_map = truth_of(open_data(folder)[index], "classes", 3).astype(np.int32)
        np.testing.assert_array_equal(truth, np.where(class_map == UNKNOWN, IGNORED, class_map))
        assert set(np.unique(truth)) == {IGNORED, 0, 1, 2}
    (planes,) = source_of(folder, "labels", **exact).in_order()
    for class_id in (1, 2):
        np.testing.assert_array_equal(planes["truth"][..., class_id - 1] == 1, batch["truth"] == class_id)
    np.testing.assert_array_equal(
        planes["truth"] == IGNORED, (batch["truth"] == IGNORED)[..., None].repeat(2, -1)
    )


def test_pictures_come_in_the_values_that_serving_gives(folder: Path) -> None:
    (batch,) = source_of(folder, augmentation=UNCHANGED, batch_size=5, size=(48, 40)).in_order()
    assert batch["picture"].dtype == np.float32
    image = open_data(folder)[0].image
    np.testing.assert_allclose(batch["picture"][0], image / 255, atol=1e-6)


def test_the_encoder_begins_to_learn_at_its_step(folder: Path) -> None:
    learning = [batch["learning"].tolist() for _, batch in source_of(folder, frozen_steps=2).batches(0, 4)]
    assert learning == [[0, 0], [0, 0], [1, 1], [1, 1]]


def overlapping() -> Sample:
    """A large object of class 1, and on it a small one of class 2."""
    return Sample(
        id="a",
        image=np.zeros((20, 20, 3), np.uint8),
        boxes=np.array([[5, 5, 9, 9], [0, 0, 15, 15]], np.int32),
        class_ids=np.array([2, 1], np.int32),
        masks=[np.ones((4, 4), np.uint8), np.ones((15, 15), np.uint8)],
    )


class Overlapping(list):
    classes = ("background", "large", "small")

    def __init__(self) -> None:
        super().__init__([overlapping()])


def test_where_objects_overlap_the_smallest_counts_or_both_do() -> None:
    class_map = truth_of(overlapping(), "classes", 3)
    assert (class_map[6, 6], class_map[1, 1], class_map[19, 19]) == (2, 1, 0)
    planes = truth_of(overlapping(), "labels", 3)
    assert planes[6, 6].tolist() == [1, 1]


def test_data_with_overlaps_become_labels(folder: Path) -> None:
    assert gives_of(Overlapping()) == "labels"  # type: ignore[arg-type]
    assert gives_of(open_data(folder)) == "classes"


def test_pixels_are_counted_by_class(folder: Path) -> None:
    counts = pixels_of_classes(open_data(folder), "classes")
    assert counts.sum() == 5 * (40 - 4) * 48  # without the unknown rows
    planes = pixels_of_classes(open_data(folder), "labels")
    np.testing.assert_array_equal(counts[1:], planes[1:])


def test_figures_against_counts_by_hand() -> None:
    truth = np.array([[0, 1, 1, 2], [0, 1, UNKNOWN, 2]], np.uint16)
    labels = np.array([[0, 1, 2, 2], [1, 1, 1, 0]], np.uint16)
    counts = compare(truth, segments_of(labels), labels, "classes")
    figures = figures_of([counts], ["a", "b"])
    assert figures["val_pixel_accuracy"] == pytest.approx(4 / 7)
    assert figures["val_IoU_a"] == pytest.approx(2 / 4)
    assert figures["val_IoU_b"] == pytest.approx(1 / 3)
    assert figures["val_IoU"] == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert figures["val_Dice"] == pytest.approx((4 / 6 + 2 / 4) / 2)


def test_figures_of_labels_see_both_where_they_overlap() -> None:
    sample = overlapping()
    order = np.array([1, 0])
    segments = Segments(
        (20, 20), sample.boxes[order], sample.class_ids[order], np.ones(2, np.float32),
        [sample.masks[i] for i in order],
    )  # fmt: skip
    counts = compare(truth_of(sample, "labels", 3), segments, np.zeros((20, 20), np.uint16), "labels")
    figures = figures_of([counts], ["large", "small"])
    assert figures["val_IoU"] == figures["val_pixel_accuracy"] == 1


def segments_of(labels: np.ndarray) -> Segments:
    boxes, masks = from_label_map(labels)
    return Segments(
        labels.shape[::-1], boxes, np.arange(1, len(boxes) + 1), np.ones(len(boxes), np.float32), masks
    )
