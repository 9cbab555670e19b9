"""However a picture is cut, turned and scaled, its boxes and masks stay on its objects."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from drawn_data import BOOT, TINY, grey_level_of, labels_with, sample_of

from model.families.mask_rcnn.augmentation import UPRIGHT, Augmentation, augment
from model.families.mask_rcnn.boxes import denormalize
from model.families.mask_rcnn.targets import Truth
from model.mrcnn import Config
from model.results.masks import paste

SIZE = 128
CONFIG = dataclasses.replace(TINY, image_min_dim=128, image_max_dim=512)
AS_IT_WAS = Augmentation(
    zoom=(1, 1),
    contrast=(1, 1),
    brightness=0,
    gamma=(1, 1),
    channel_gain=0,
    grey=0,
    invert=0,
    blur=0,
    noise=0,
)
"""Turns and flips, nothing else."""
SCENE = labels_with((150, 140), [(10, 12, BOOT), (60, 70, BOOT.T), (100, 20, BOOT), (118, 110, BOOT)])
"""The last one is often cut by the crop's edge."""


def drawn(
    augmentation: Augmentation, seed: int, labels: np.ndarray = SCENE, config: Config = CONFIG
) -> tuple[np.ndarray, Truth]:
    """The grey levels of an augmented picture, (SIZE, SIZE), and its objects."""
    picture, truth = augment(sample_of(labels), SIZE, config, augmentation, np.random.default_rng(seed))
    assert picture.shape == (SIZE, SIZE, 3)
    assert picture.dtype == np.float32
    return (picture + np.array(config.mean_pixel, np.float32))[..., 0], truth


@pytest.mark.parametrize("seed", range(24))  # all eight ways round, and several cuts
def test_boxes_are_tight_around_the_pixels_of_their_object(seed: int) -> None:
    grey, truth = drawn(AS_IT_WAS, seed)
    assert len(truth.boxes) >= 2
    for class_id, box in zip(truth.class_ids, denormalize(truth.boxes, SIZE, SIZE), strict=True):
        rows, columns = np.nonzero(np.abs(grey - grey_level_of(class_id)) < 0.5)
        assert box.tolist() == [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]


def test_the_pixels_under_a_mask_are_its_objects() -> None:
    large, seen = np.kron(SCENE, np.ones((2, 2), np.uint16)), 0
    for seed in range(12):
        grey, truth = drawn(dataclasses.replace(AS_IT_WAS, zoom=(0.6, 1.3)), seed, large)
        boxes = denormalize(truth.boxes, SIZE, SIZE)
        for class_id, (y1, x1, y2, x2), mini in zip(truth.class_ids, boxes, truth.mini_masks, strict=True):
            mask = paste(mini.astype(np.float32), x2 - x1, y2 - y1)
            within = cv2.erode(np.pad(mask, 2), np.ones((5, 5), np.uint8))[2:-2, 2:-2] > 0  # scaling blurs
            np.testing.assert_allclose(grey[y1:y2, x1:x2][within], grey_level_of(class_id), atol=1)
            seen += within.any()
    assert seen >= 12


def test_all_eight_ways_round_occur_and_upright_pictures_only_mirror() -> None:
    def ways(augmentation: Augmentation) -> int:
        labels = labels_with((SIZE, SIZE), [(30, 40, BOOT)])
        return len({drawn(augmentation, seed, labels)[0].round().tobytes() for seed in range(60)})

    assert ways(AS_IT_WAS) == 8
    upright = dataclasses.replace(
        AS_IT_WAS, quarter_turns=UPRIGHT.quarter_turns, vertical_flip=UPRIGHT.vertical_flip
    )
    assert ways(upright) == 2


@pytest.mark.parametrize("augmentation", [Augmentation(), UPRIGHT])
def test_the_same_seed_gives_the_same_picture_and_another_another(augmentation: Augmentation) -> None:
    (one, truth), (same, same_truth), (other, _) = (drawn(augmentation, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(one, same)
    np.testing.assert_array_equal(truth.boxes, same_truth.boxes)
    assert np.abs(one - other).max() > 1


@pytest.mark.parametrize(
    "labels",
    [
        np.zeros((150, 140), np.uint16),  # nothing there
        np.zeros((20, 400), np.uint16),  # a strip, larger and smaller than the crop
        labels_with((150, 140), [(5, 5, np.ones((1, 30), np.uint8))]),  # a pixel thin: its box has no height
        labels_with((3, 3), [(0, 0, np.ones((3, 3), np.uint8))]),  # an image of nine pixels
        labels_with((2000, 1500), [(5, 5, BOOT)]),  # far from most crops
    ],
)
@pytest.mark.parametrize("normalization", ["mean_pixel", "contrast"])
def test_hardly_anything_to_see_is_no_crash(labels: np.ndarray, normalization: str) -> None:
    config = dataclasses.replace(CONFIG, image_normalization=normalization)
    for seed in range(5):
        grey, truth = drawn(Augmentation(), seed, labels, config)
        assert np.isfinite(grey).all()
        assert truth.boxes.shape == (len(truth.class_ids), 4)
        assert truth.mini_masks.shape == (len(truth.class_ids), 56, 56)
        assert (truth.boxes[:, 2:] > truth.boxes[:, :2]).all()


@pytest.mark.parametrize("least_visible", [0.1, 0.5])
def test_an_object_mostly_outside_the_crop_is_background(least_visible: float) -> None:
    augmentation = dataclasses.replace(AS_IT_WAS, least_visible=least_visible)
    labels = labels_with((256, 256), [(0, 0, np.ones((60, 60), np.uint8))])
    seen = []
    for seed in range(60):
        grey, truth = drawn(augmentation, seed, labels)
        share = (np.abs(grey - grey_level_of(1)) < 0.5).mean() * SIZE**2 / 3600
        assert (len(truth.boxes) == 1) == (share >= least_visible)
        seen.append(share)
    assert min(seen) < least_visible < max(seen)


@pytest.mark.parametrize("least_visible", [0.0, 0.1])
def test_an_object_quite_outside_the_crop_is_no_crash(least_visible: float) -> None:
    augmentation = dataclasses.replace(AS_IT_WAS, least_visible=least_visible)
    labels = labels_with((600, 600), [(0, 0, BOOT), (576, 584, BOOT)])
    for seed in range(10):
        drawn(augmentation, seed, labels)


def test_beyond_the_image_is_black_as_in_detection() -> None:
    dim = sample_of(SCENE)
    dim = dataclasses.replace(dim, image=dim.image // 4 + 60)  # nothing in it is black
    stretching = dataclasses.replace(CONFIG, image_normalization="contrast")
    picture, _ = augment(
        dim, 4 * SIZE, stretching, dataclasses.replace(AS_IT_WAS, zoom=(0.5, 0.5)), np.random.default_rng(1)
    )
    beyond = np.broadcast_to(-np.array(stretching.mean_pixel, np.float32), picture.shape)
    assert np.isclose(picture, beyond).all(axis=2).mean() > 0.5


@pytest.mark.parametrize("seed", range(16))  # all eight ways round
def test_a_crowds_box_goes_where_its_pixels_go(seed: int) -> None:
    sample = sample_of(labels_with((150, 140), [(60, 40, BOOT)]))
    crowd = dataclasses.replace(
        sample, boxes=sample.boxes[:0], class_ids=sample.class_ids[:0], masks=[],
        crowd_boxes=sample.boxes, crowd_class_ids=sample.class_ids, crowd_masks=sample.masks,
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    picture, truth = augment(crowd, SIZE, CONFIG, AS_IT_WAS, rng)
    rows, columns = np.nonzero(picture[..., 0] > 1 - CONFIG.mean_pixel[0])
    assert len(truth.boxes) == 0
    assert denormalize(truth.crowd_boxes, SIZE, SIZE).tolist() == [
        [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
    ]


def test_a_crowd_outside_the_crop_is_left_out() -> None:
    far = dataclasses.replace(
        sample_of(np.zeros((2000, 1500), np.uint16)),
        crowd_boxes=np.array([[0, 0, 9, 9]], np.int32),
        crowd_class_ids=np.array([1], np.int32),
        crowd_masks=[np.ones((9, 9), np.uint8)],
    )
    _, truth = augment(far, SIZE, CONFIG, AS_IT_WAS, np.random.default_rng(0))
    assert truth.crowd_boxes.shape == (0, 4)


@pytest.mark.parametrize(
    "change",
    [{"invert": 1.0}, {"brightness": 90.0}, {"gamma": (2, 2)}, {"noise": 1.0}, {"blur": 1.0}],
)
@pytest.mark.parametrize("seed", range(4))
def test_beyond_the_image_is_black_whatever_became_of_the_image(change: dict, seed: int) -> None:
    bright = sample_of(np.zeros((40, 90), np.uint16))
    bright = dataclasses.replace(bright, image=bright.image + np.uint8(140))
    augmentation = dataclasses.replace(AS_IT_WAS, zoom=(0.7, 0.7), **change)
    config = dataclasses.replace(CONFIG, image_min_dim=64)
    picture, _ = augment(bright, SIZE, config, augmentation, np.random.default_rng(seed))
    level = (picture + np.array(config.mean_pixel, np.float32)).mean(axis=2)
    black = np.isclose(level, 0, atol=1e-3)
    image = round(40 * 1.12) * round(90 * 1.12)  # enlarged to 64 pixels, then by 0.7
    assert (~black).sum() == pytest.approx(image, rel=0.05)
    assert np.median(level[~black]) > 50


def test_a_crowded_image_gives_as_many_objects_as_there_is_room_for() -> None:
    dots = [(y, x, np.ones((4, 4), np.uint8)) for y in range(2, 120, 8) for x in range(2, 120, 8)]
    _, truth = drawn(AS_IT_WAS, 0, labels_with((SIZE, SIZE), dots))
    assert len(truth.boxes) == CONFIG.max_gt_instances
    assert len(set(truth.class_ids.tolist())) == CONFIG.max_gt_instances  # each its own


def test_grey_pictures_stay_grey_and_coloured_ones_may_lose_their_colour() -> None:
    still = dataclasses.replace(AS_IT_WAS, channel_gain=0.3, noise=1.0)
    picture, _ = augment(sample_of(SCENE), SIZE, CONFIG, still, np.random.default_rng(0))
    grey = picture + np.array(CONFIG.mean_pixel, np.float32)
    np.testing.assert_allclose(grey[..., 0], grey[..., 2], atol=1e-3)

    sample = sample_of(SCENE)
    sample.image[..., 1] //= 2
    picture, _ = augment(
        sample, SIZE, CONFIG, dataclasses.replace(AS_IT_WAS, grey=1.0), np.random.default_rng(0)
    )
    grey = picture + np.array(CONFIG.mean_pixel, np.float32)
    np.testing.assert_allclose(grey[..., 0], grey[..., 2], atol=1e-3)


def test_a_picture_is_trained_on_at_the_scale_that_it_is_detected_at() -> None:
    labels = labels_with((64, 64), [(20, 20, np.ones((16, 16), np.uint8))])  # detected at 128: twice as large
    _, truth = drawn(AS_IT_WAS, 0, labels)
    y1, x1, y2, x2 = denormalize(truth.boxes, SIZE, SIZE)[0]
    assert abs(y2 - y1 - 32) <= 1
    assert abs(x2 - x1 - 32) <= 1
