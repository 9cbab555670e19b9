"""Examples, batches and targets are those of the library, whatever the settings."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from discs import Discs, DiscsConfig, discs

import mrcnn.model as modellib
from imgaug import augmenters
from mrcnn import utils
from mrcnn.config import Config
from mrcnn.learning.batches import pixel_anchors
from mrcnn.learning.examples import examples


@pytest.fixture
def config() -> Config:
    return DiscsConfig()


def test_an_example_is_the_image_with_its_objects(config: Config) -> None:
    dataset = discs()
    image, meta, class_ids, boxes, masks = modellib.load_image_gt(dataset, config, 1)
    np.testing.assert_array_equal(image, dataset.load_image(1))
    expected, ids = dataset.load_mask(1)
    np.testing.assert_array_equal(masks, expected)
    np.testing.assert_array_equal(class_ids, ids)
    np.testing.assert_array_equal(boxes, utils.extract_bboxes(expected))
    parts = modellib.parse_image_meta(meta[None])
    assert parts["image_id"] == [1]
    assert parts["window"].tolist() == [[0, 0, 64, 64]]
    assert parts["active_class_ids"].tolist() == [[1, 1, 1]]
    assert len(meta) == config.IMAGE_META_SIZE


def test_mini_masks_are_cut_to_their_boxes(config: Config) -> None:
    _, _, _, boxes, minis = modellib.load_image_gt(discs(), config, 1, use_mini_mask=True)
    whole = modellib.load_image_gt(discs(), config, 1).mask
    assert minis.shape == (56, 56, 2)
    assert (utils.expand_mask(boxes, minis, (64, 64)) != whole).mean() < 0.01


@pytest.mark.parametrize(
    ("mode", "shape", "molded"),
    [
        ("square", (48, 80), (64, 64)),
        ("pad64", (64, 100), (64, 128)),
        ("crop", (90, 90), (64, 64)),
        ("none", (64, 128), (64, 128)),
    ],
)
def test_every_resize_mode_gives_masks_of_the_pictures_size(
    mode: str, shape: tuple[int, int], molded: tuple[int, int]
) -> None:
    class Resized(DiscsConfig):
        IMAGE_RESIZE_MODE = mode

    image, _, class_ids, boxes, masks = modellib.load_image_gt(discs(1, shape=shape), Resized(), 0)
    assert image.shape == (*molded, 3)
    assert masks.shape == (*molded, len(class_ids))
    assert masks.any(axis=(0, 1)).all(), "objects out of the crop are dropped"
    assert len(boxes) == len(class_ids)


def test_augmentation_moves_masks_with_the_image_and_leaves_their_grey_levels(config: Config) -> None:
    plain = modellib.load_image_gt(discs(), config, 0)
    changes = augmenters.Sequential([augmenters.Fliplr(1.0), augmenters.Add(5)])
    image, _, _, _, masks = modellib.load_image_gt(discs(), config, 0, augmentation=changes)
    np.testing.assert_array_equal(masks, plain.mask[:, ::-1])
    np.testing.assert_array_equal(image, plain.image[:, ::-1] + 5)


def test_what_an_augmenter_draws_beyond_the_edge_is_no_object(config: Config) -> None:
    white = augmenters.Affine(translate_px={"x": 20}, cval=255)
    image, _, _, _, masks = modellib.load_image_gt(discs(), config, 0, augmentation=white)
    assert (image[:, :20] == 255).all()
    assert masks.any() and not masks[:, :20].any()


def test_the_older_way_to_flip_says_what_replaces_it(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    modellib.load_image_gt(discs(), config, 0, augment=True)
    assert "Fliplr(0.5)" in caplog.text


def test_masks_of_another_size_are_named(config: Config) -> None:
    class Wrong(Discs):
        def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
            return np.ones((5, 5, 1), bool), np.ones(1, np.int32)

        def load_image(self, image_id: int) -> np.ndarray:
            return np.zeros((64, 64, 3), np.uint8)

    dataset = Wrong()
    dataset.draw(1)
    with pytest.raises(ValueError, match=r"load_mask\(0\) of 0 returned masks \(5, 5, 1\) and 1 class ids"):
        modellib.load_image_gt(dataset, config, 0)


def test_a_class_that_the_network_does_not_have_is_named(config: Config) -> None:
    class Wrong(Discs):
        def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
            mask, class_ids = super().load_mask(image_id)
            return mask, np.full_like(class_ids, config.NUM_CLASSES)

    dataset = Wrong()
    dataset.draw(1)
    message = rf"load_mask\(0\) of 0 returned the class id {config.NUM_CLASSES}, but NUM_CLASSES is"
    with pytest.raises(ValueError, match=message):
        modellib.load_image_gt(dataset, config, 0)


def test_images_that_fail_are_skipped_and_named_until_there_are_too_many(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Discs):
        broken: tuple[int, ...] = (0,)

        def load_image(self, image_id: int) -> np.ndarray:
            if image_id in self.broken:
                raise OSError("cut off")
            return super().load_image(image_id)

    dataset = Broken()
    dataset.draw(3)
    source = examples(dataset, config, shuffle=False)
    with caplog.at_level(logging.ERROR):
        assert [int(next(source).image_meta[0]) for _ in range(2)] == [1, 2]
    assert "Error processing image" in caplog.text
    dataset.broken = (0, 1, 2)
    with pytest.raises((OSError, ValueError)):
        next(examples(dataset, config))


def test_a_data_set_without_images_or_objects_says_so(config: Config) -> None:
    with pytest.raises(ValueError, match=r"has no images: .* prepare\(\)"):
        next(examples(discs(0), config))

    class Empty(Discs):
        def load_mask(self, image_id: int) -> tuple[np.ndarray, np.ndarray]:
            return np.zeros((64, 64, 0), bool), np.zeros(0, np.int32)

    dataset = Empty()
    dataset.draw(2)
    with pytest.raises(ValueError, match="none of the 2 images"):
        next(examples(dataset, config))


def test_a_source_can_be_left_out_of_augmentation(config: Config) -> None:
    dataset = discs(1)
    flip = augmenters.Fliplr(1.0)
    changed = next(examples(dataset, config, augmentation=flip))
    left_out = next(examples(dataset, config, augmentation=flip, no_augmentation_sources=["discs"]))
    np.testing.assert_array_equal(left_out.image, dataset.load_image(0))
    np.testing.assert_array_equal(changed.image, dataset.load_image(0)[:, ::-1])


def test_the_generator_yields_the_librarys_lists(config: Config) -> None:
    inputs, outputs = next(modellib.data_generator(discs(), config, shuffle=False, batch_size=2))
    images, metas, match, deltas, class_ids, boxes, masks = inputs
    anchors = 3 * (16**2 + 8**2 + 4**2 + 2**2 + 1)
    assert outputs == []
    assert (images.shape, images.dtype) == ((2, 64, 64, 3), np.float32)
    assert metas.shape == (2, config.IMAGE_META_SIZE)
    assert match.shape == (2, anchors, 1)
    assert deltas.shape == (2, config.RPN_TRAIN_ANCHORS_PER_IMAGE, 4)
    assert class_ids.shape == (2, 6)
    assert boxes.shape == (2, 6, 4)
    assert masks.shape == (2, 56, 56, 6)
    np.testing.assert_array_equal(modellib.unmold_image(images[0], config), discs().load_image(0))


def test_the_generator_adds_proposals_and_targets_if_asked(config: Config) -> None:
    asked = {"random_rois": 40, "batch_size": 2, "detection_targets": True}
    inputs, outputs = next(modellib.data_generator(discs(), config, **asked))
    made_up, chosen = inputs[7:]
    class_ids, deltas, masks = outputs
    assert made_up.shape == (2, 40, 4)
    assert (made_up[..., 2:] > made_up[..., :2]).all()
    assert chosen.shape == (2, 12, 4)
    assert class_ids.shape == (2, 12, 1)
    assert deltas.shape == (2, 12, 3, 4)
    assert masks.shape == (2, 12, 28, 28, 3)
    assert (class_ids > 0).any()


def test_targets_move_proposals_onto_their_objects() -> None:
    class Whole(DiscsConfig):
        USE_MINI_MASK = False

    config = Whole()
    _, _, class_ids, boxes, masks = modellib.load_image_gt(discs(), config, 0)
    shifted = np.concatenate([boxes + 2, boxes - 40]).astype(np.int32)
    rois, ids, deltas, of_class = modellib.build_detection_targets(shifted, class_ids, boxes, masks, config)
    positive = np.flatnonzero(ids > 0)
    for slot in positive:
        own = deltas[slot, ids[slot]] * config.BBOX_STD_DEV
        moved = utils.apply_box_deltas(rois[slot][None].astype(np.float32), own[None])[0]
        assert np.abs(boxes - moved).max(axis=1).min() < 0.01
        assert of_class[slot, :, :, ids[slot]].any()
        assert not np.delete(of_class[slot], ids[slot], axis=-1).any()
    assert len(positive) >= 2
    with pytest.raises(ValueError, match="without objects"):
        modellib.build_detection_targets(shifted, 0 * class_ids, boxes, masks, config)


def test_anchors_on_objects_are_moved_onto_them(config: Config) -> None:
    example = modellib.load_image_gt(discs(), config, 0)
    anchors = pixel_anchors(config, example.image.shape)
    match, deltas = modellib.build_rpn_targets(
        example.image.shape, anchors, example.class_ids, example.bbox, config
    )
    positive = np.flatnonzero(match == 1)
    moved = utils.apply_box_deltas(
        anchors[positive].astype(np.float32), deltas[: len(positive)] * config.RPN_BBOX_STD_DEV
    )
    apart = np.abs(moved[:, None] - example.bbox[None]).max(axis=2)
    assert (apart.min(axis=1) < 0.01).all()
    assert set(apart.argmin(axis=1)) == {0, 1}, "each object has an anchor"
    assert not deltas[len(positive) :].any()
    assert (match != 0).sum() <= config.RPN_TRAIN_ANCHORS_PER_IMAGE


def test_nothing_is_learned_inside_a_crowd(config: Config) -> None:
    anchors = pixel_anchors(config, (64, 64, 3))
    boxes = np.array([[4, 4, 20, 20], [30, 0, 64, 64]], np.int32)
    match, _ = modellib.build_rpn_targets((64, 64, 3), anchors, np.array([1, -1], np.int32), boxes, config)
    inside = utils.compute_overlaps(anchors, boxes[1:])[:, 0] > 0
    assert not (match[inside] == -1).any()


def test_a_sequence_has_a_batch_for_all_images(config: Config) -> None:
    sequence = modellib.DataGenerator(discs(3), config)
    assert len(sequence) == 2
    assert sequence[0][0][0].shape == (2, 64, 64, 3)


def test_numbers_follow_from_the_seed(config: Config) -> None:
    def first() -> list[np.ndarray]:
        np.random.seed(7)  # as scripts of the library's time do
        return next(modellib.data_generator(discs(), config, batch_size=2, random_rois=5))[0]

    for one, other in zip(first(), first(), strict=True):
        np.testing.assert_array_equal(one, other)
