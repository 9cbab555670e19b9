"""The stand-in for imgaug: what its augmenters do to images, and that masks follow."""

from __future__ import annotations

from collections import Counter
from typing import Any

import cv2
import numpy as np
import pytest

import imgaug
from imgaug import augmenters as iaa

RNG = np.random.default_rng(2)
IMAGE = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)
DISC = (np.hypot(*np.mgrid[-12:28, -20:40]) < 10).astype(np.uint8)
GREY = np.full((4, 6, 1), 100, np.uint8)

GEOMETRIC = {
    "Fliplr": iaa.Fliplr(0.5),
    "Flipud": iaa.Flipud(0.5),
    "Affine": iaa.Affine(
        scale={"x": (0.8, 1.2), "y": (0.8, 1.2)},
        translate_percent={"x": (-0.2, 0.2), "y": (-0.2, 0.2)},
        rotate=(-25, 25),
        shear=(-8, 8),
        order=[0, 1, 3],
        mode=imgaug.ALL,
        cval=(0, 255),
    ),
    "random Affine": iaa.Affine(),
    "Crop": iaa.Crop(px=(0, 8)),
    "Crop, smaller": iaa.Crop(percent=(0, 0.2), keep_size=False),
    "Pad": iaa.Pad(px=(0, 8), pad_mode=["constant", "edge", "mean"], pad_cval=imgaug.ALL),
    "CropAndPad": iaa.CropAndPad(percent=(-0.1, 0.1), sample_independently=False, pad_mode="reflect"),
    "PiecewiseAffine": iaa.PiecewiseAffine(scale=(0.01, 0.03)),
    "many": iaa.SomeOf(
        (1, None), [iaa.Fliplr(), iaa.Affine(rotate=[90, 180]), iaa.Crop(px=4)], random_order=True
    ),
}
OTHERS = {
    "Multiply": iaa.Multiply((0.5, 1.5), per_channel=0.5),
    "Add": iaa.Add((-40, 40), per_channel=True),
    "LinearContrast": iaa.LinearContrast((0.5, 2.0)),
    "ContrastNormalization": iaa.ContrastNormalization([0.5, 1.5]),
    "GaussianBlur": iaa.GaussianBlur(sigma=(0.5, 3.0)),
    "AdditiveGaussianNoise": iaa.AdditiveGaussianNoise(scale=10, per_channel=True),
    "Noop": iaa.Noop(),
}


@pytest.fixture(autouse=True)
def _same_random_numbers() -> None:
    imgaug.seed(5)


@pytest.mark.parametrize("name", [*GEOMETRIC, *OTHERS])
def test_masks_go_where_their_image_goes(name: str) -> None:
    """A picture that is itself a mask ends up where its mask does, but for what is blended at its outline."""
    augmenter = {**GEOMETRIC, **OTHERS}[name]
    picture = np.repeat(DISC[..., None] * np.uint8(255), 3, axis=-1)
    for _ in range(4):
        fixed = augmenter.to_deterministic()
        moved = fixed.augment_image(picture)
        masks = fixed.augment_masks(np.dstack([DISC] * 6).astype(bool))
        assert masks.dtype == bool
        assert masks.shape == (*moved.shape[:2], 6)
        if name in OTHERS:
            assert np.array_equal(masks[..., 5], DISC)
            continue
        # Beyond the edge counts as outside, for the outline may lie there and be blended into the edge.
        inside = cv2.erode(
            masks[..., 5].astype(np.uint8), np.ones((5, 5)), borderType=cv2.BORDER_CONSTANT, borderValue=0
        )
        assert (moved[inside == 1] > 200).all()
        assert np.array_equal(fixed.augment_image(picture), moved)
    assert fixed.augment_masks(np.zeros((40, 60, 0), bool)).shape == (*moved.shape[:2], 0)


@pytest.mark.parametrize("name", [*GEOMETRIC, *OTHERS])
@pytest.mark.parametrize(
    "image", [IMAGE, IMAGE[..., 0], IMAGE.astype(np.float32)], ids=["rgb", "grey", "float"]
)
def test_images_keep_their_dtype_and_the_original_is_left_alone(name: str, image: np.ndarray) -> None:
    before = image.copy()
    augmented = {**GEOMETRIC, **OTHERS}[name].augment_image(image)
    assert augmented.dtype == image.dtype
    assert augmented.ndim == image.ndim
    assert np.array_equal(image, before)


def test_the_librarys_way_with_hooks_moves_masks_too() -> None:
    moving = ["Sequential", "SomeOf", "OneOf", "Sometimes", "Fliplr", "Flipud", "CropAndPad", "Affine"]

    def activator(images: Any, augmenter: Any, parents: list, default: bool) -> bool:
        seen.append((type(augmenter).__name__, len(parents), images[0].shape))
        return type(augmenter).__name__ in moving

    seen: list = []
    chain = iaa.Sequential(
        [iaa.Fliplr(1.0), iaa.Sometimes(1.0, iaa.Multiply(0.5)), iaa.Affine(translate_px=3)]
    )
    fixed = chain.to_deterministic()
    hooks = imgaug.HooksImages(activator=activator)
    moved = fixed.augment_image(DISC[..., None], hooks=hooks)
    assert np.array_equal(moved[3:, 3:, 0], DISC[:-3, ::-1][:, :-3])
    names = [name for name, *_ in seen]
    assert names == ["Sequential", "Fliplr", "Sometimes", "Multiply", "Affine"]
    assert [depth for _, depth, _ in seen] == [0, 1, 1, 2, 1]


def test_hooks_can_stop_children_and_change_images() -> None:
    chain = iaa.Sequential(iaa.Add(7))
    stopped = imgaug.HooksImages(propagator=lambda images, augmenter, parents, default: False)
    assert np.array_equal(chain.augment_image(GREY, hooks=stopped), GREY)
    around = imgaug.HooksImages(
        preprocessor=lambda images, augmenter, parents: [images[0] + 1],
        postprocessor=lambda images, augmenter, parents: [images[0] * 2],
    )
    assert iaa.Add(7).augment_image(GREY, hooks=around)[0, 0, 0] == 216


@pytest.mark.parametrize(
    ("augmenter", "expected"),
    [
        (iaa.Fliplr(1.0), IMAGE[:, ::-1]),
        (iaa.Flipud(1.0), IMAGE[::-1]),
        (iaa.Fliplr(0.0), IMAGE),
        (iaa.Affine(rotate=180), IMAGE[::-1, ::-1]),
        (iaa.Affine(translate_px={"x": -5}), np.pad(IMAGE[:, 5:], ((0, 0), (0, 5), (0, 0)))),
        (iaa.Affine(translate_percent={"y": 0.25}), np.pad(IMAGE[:-10], ((10, 0), (0, 0), (0, 0)))),
        (iaa.Crop(px=(1, 2, 3, 4), keep_size=False), IMAGE[1:-3, 4:-2]),
        (iaa.CropAndPad(px=(-1, 2, 0, 0), keep_size=False), np.pad(IMAGE[1:], ((0, 0), (0, 2), (0, 0)))),
        (iaa.Pad(px=2, keep_size=False, pad_mode="edge"), np.pad(IMAGE, ((2, 2), (2, 2), (0, 0)), "edge")),
        (iaa.Multiply(0.5), IMAGE // 2),
        (iaa.Add(-60), np.maximum(IMAGE.astype(int) - 60, 0)),
        (iaa.LinearContrast(2.0), np.clip(IMAGE.astype(int) * 2 - 127, 0, 255)),
        (iaa.GaussianBlur(0.0), IMAGE),
        (iaa.Identity(), IMAGE),
    ],
)
def test_a_fixed_argument_has_one_result(augmenter: iaa.Augmenter, expected: np.ndarray) -> None:
    assert np.array_equal(augmenter.augment_image(IMAGE), expected)


def test_a_crop_leaves_at_least_one_pixel() -> None:
    assert iaa.Crop(px=1000, keep_size=False).augment_image(IMAGE).shape == (1, 1, 3)
    assert iaa.Crop(px=1000).augment_image(IMAGE).shape == IMAGE.shape


def test_rotation_is_clockwise_and_shear_is_along_x() -> None:
    dots = np.zeros((41, 41), np.uint8)
    dots[19:22, 34:37] = 1  # 15 pixels to the right of the centre
    rotated = iaa.Affine(rotate=90).augment_image(dots)
    assert np.argwhere(rotated).mean(axis=0).tolist() == [35, 20]
    down, right = np.argwhere(iaa.Affine(shear=20).augment_image(dots.T)).mean(axis=0) - 20
    angle = np.radians(20)
    assert (down, right) == pytest.approx((15 * np.cos(angle), -15 * np.sin(angle)), abs=0.5)


def counts(augmenter: iaa.Augmenter, times: int = 100) -> Counter[int]:
    return Counter(int(augmenter.augment_image(GREY)[0, 0, 0]) - 100 for _ in range(times))


def test_numbers_ranges_and_lists_are_drawn_from() -> None:
    imgaug.seed(1)
    assert counts(iaa.Add(3)).keys() == {3}
    assert counts(iaa.Add([1, 5])).keys() == {1, 5}
    assert counts(iaa.Add((-2, 2))).keys() == {-2, -1, 0, 1, 2}
    either = counts(iaa.Sometimes(0.5, iaa.Add(1), [iaa.Add(2), iaa.Add(4)]))
    assert either.keys() == {1, 6}
    assert 30 < either[1] < 70


def test_containers_run_what_they_say() -> None:
    imgaug.seed(1)
    adds = [iaa.Add(1), iaa.Add(2), iaa.Add(4)]
    assert counts(iaa.Sequential(adds)).keys() == {7}
    assert counts(iaa.OneOf(adds)).keys() == {1, 2, 4}
    assert counts(iaa.SomeOf(2, adds)).keys() == {3, 5, 6}
    assert counts(iaa.SomeOf((0, 2), adds)).keys() == {0, 1, 2, 3, 4, 5, 6}
    assert counts(iaa.SomeOf(None, adds)).keys() == {7}
    halved_then_more = iaa.Sequential([iaa.Multiply(0.5), iaa.Add(10)], random_order=True)
    assert counts(halved_then_more).keys() == {-40, -45}


def test_random_numbers_repeat_with_a_seed_and_differ_between_images() -> None:
    noise = iaa.AdditiveGaussianNoise(scale=20)
    imgaug.seed(7)
    first = noise.augment_image(IMAGE)
    second = noise.augment_image(IMAGE)
    imgaug.seed(7)
    assert np.array_equal(noise.augment_image(IMAGE), first)
    assert not np.array_equal(first, second)
    own = [iaa.AdditiveGaussianNoise(scale=20, seed=3).augment_image(IMAGE) for _ in range(2)]
    assert np.array_equal(*own)
    local = noise.localize_random_state()
    imgaug.seed(7)
    assert not np.array_equal(local.augment_image(IMAGE), first)

    batch = noise.to_deterministic().augment_images(np.stack([GREY] * 2))
    assert batch.shape == (2, *GREY.shape)
    assert not np.array_equal(batch[0], batch[1])
    several = noise.to_deterministic(3)
    assert len({one.augment_image(IMAGE).tobytes() for one in several}) == 3
    assert np.array_equal(noise(image=GREY).shape, GREY.shape)
    assert len(noise(images=[GREY, IMAGE])) == 2


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: iaa.Add("much"), TypeError, r"value='much': give a number, a tuple \(lowest, highest\)"),
        (lambda: iaa.Affine(rotate=(1, 2, 3)), TypeError, "rotate"),
        (lambda: iaa.Affine(mode="mirror"), ValueError, "mode='mirror' is not available: use one of"),
        (lambda: iaa.Affine(fit_output=True), NotImplementedError, "size"),
        (lambda: iaa.Affine(translate_px=1, translate_percent=0.1), ValueError, "not both"),
        (lambda: iaa.Crop(px=1, percent=0.1), ValueError, "not both"),
        (lambda: iaa.SomeOf("all", []), TypeError, "n='all'"),
        (lambda: iaa.Sequential([max]), TypeError, "is not an augmenter"),
        (lambda: iaa.Noop()(image=GREY, bounding_boxes=[]), TypeError, "bounding_boxes"),
        (lambda: iaa.Noop().augment_keypoints([]), AttributeError, "'augment_keypoints'.*has augment_image"),
    ],
)
def test_what_is_not_available_says_what_is(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
