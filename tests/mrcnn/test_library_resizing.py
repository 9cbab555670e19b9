"""Images and masks resized: equal to what scikit-image and SciPy give, which define the library's numbers."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.ndimage import zoom
from skimage import transform

from mrcnn import utils

RNG = np.random.default_rng(5)
IMAGE = RNG.integers(3, 256, (45, 61, 3), dtype=np.uint8)
BLOB = (np.hypot(*np.mgrid[-20:25, -30:31]) < 17).astype(bool)


def by_skimage(image: np.ndarray, height: int, width: int) -> np.ndarray:
    return transform.resize(
        image, (height, width), order=1, mode="constant", preserve_range=True, anti_aliasing=False
    )


@pytest.mark.parametrize(("min_dim", "max_dim", "shape"), [(90, 128, (90, 122)), (20, 48, (35, 48))])
def test_square_images_are_those_of_scikit_image_padded(
    min_dim: int, max_dim: int, shape: tuple[int, int]
) -> None:
    image, window, scale, padding, crop = utils.resize_image(IMAGE, min_dim=min_dim, max_dim=max_dim)
    assert image.shape == (max_dim, max_dim, 3)
    assert image.dtype == np.uint8
    y1, x1, y2, x2 = window
    assert (y2 - y1, x2 - x1) == shape
    assert scale == pytest.approx(max_dim / 61 if max_dim == 48 else 2)
    assert padding == [(y1, max_dim - y2), (x1, max_dim - x2), (0, 0)]
    assert crop is None
    assert np.array_equal(image[y1:y2, x1:x2], by_skimage(IMAGE, *shape).astype(np.uint8))
    assert int(image.sum()) == int(image[y1:y2, x1:x2].sum())


def test_pad64_scales_up_and_pads_to_multiples_of_64() -> None:
    image, window, scale, padding, _ = utils.resize_image(IMAGE, min_dim=64, min_scale=1.5, mode="pad64")
    assert image.shape == (128, 128, 3)
    assert scale == 1.5
    assert window == (30, 18, 98, 110)
    assert padding == [(30, 30), (18, 18), (0, 0)]


def test_crops_follow_pythons_seed_and_masks_follow_crops() -> None:
    random.seed(3)
    image, window, scale, padding, crop = utils.resize_image(IMAGE, min_dim=32, mode="crop")
    assert crop is not None
    y, x, height, width = crop
    assert (window, scale, padding) == ((0, 0, 32, 32), 1, [(0, 0)] * 3)
    assert np.array_equal(image, IMAGE[y : y + 32, x : x + 32])
    mask = utils.resize_mask(BLOB[..., None], scale, padding, crop)
    assert np.array_equal(mask[..., 0], BLOB[y : y + height, x : x + width])


def test_none_leaves_an_image_alone() -> None:
    image, window, scale, padding, crop = utils.resize_image(IMAGE, mode="none")
    assert image is IMAGE
    assert (window, scale, padding, crop) == ((0, 0, 45, 61), 1, [(0, 0)] * 3, None)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "fit"}, "'fit' is unknown"),
        ({"mode": "square"}, "max_dim"),
        ({"mode": "crop"}, "min_dim"),
        ({"mode": "pad64", "min_dim": 100}, "multiple of 64, not 100"),
    ],
)
def test_a_mode_that_cannot_be_says_what_it_needs(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        utils.resize_image(IMAGE, **arguments)


@pytest.mark.parametrize("scale", [1, 0.5, 0.37, 2, 2.845])
def test_masks_are_resized_as_by_scipy(scale: float) -> None:
    masks = np.stack([BLOB, ~BLOB], axis=-1)
    padding = [(3, 4), (0, 1), (0, 0)]
    resized = utils.resize_mask(masks, scale, padding)
    # The library uses mode="constant", which loses the last row or column at some scales, such as 0.5 here.
    expected = zoom(masks, [scale, scale, 1], order=0, mode="nearest")
    assert np.array_equal(resized, np.pad(expected, padding))


def test_mini_masks_are_those_of_scikit_image() -> None:
    masks = np.stack([BLOB, BLOB[::-1]], axis=-1)
    boxes = utils.extract_bboxes(masks)
    mini = utils.minimize_mask(boxes, masks, (56, 56))
    y1, x1, y2, x2 = boxes[0]
    assert np.array_equal(mini[..., 0], np.around(by_skimage(BLOB[y1:y2, x1:x2].astype(float), 56, 56)) == 1)

    padded_boxes = np.concatenate([boxes, np.zeros((1, 4), np.int32)])
    expanded = utils.expand_mask(padded_boxes, mini, (45, 61, 3))
    part = np.around(by_skimage(mini[..., 0].astype(float), y2 - y1, x2 - x1)) == 1
    assert np.array_equal(expanded[y1:y2, x1:x2, 0], part)
    assert (expanded & masks).sum() / (expanded | masks).sum() > 0.98

    with pytest.raises(ValueError, match=r"box 1, \[4, 4, 4, 9\], is empty"):
        utils.minimize_mask(np.array([boxes[0], [4, 4, 4, 9]]), masks, (56, 56))


def test_network_masks_are_cut_at_a_half_in_their_box() -> None:
    probabilities = by_skimage(BLOB.astype(float), 28, 28).astype(np.float32)
    whole = utils.unmold_mask(probabilities, np.array([5, 7, 40, 60]), (48, 64, 3))
    assert np.array_equal(whole[5:40, 7:60], by_skimage(probabilities, 35, 53) >= 0.5)
    assert whole.sum() == whole[5:40, 7:60].sum()
    assert not utils.unmold_mask(probabilities, np.array([5, 7, 5, 60]), (48, 64)).any()


@pytest.mark.parametrize("preserve_range", [False, True])
@pytest.mark.parametrize(
    "image", [IMAGE, IMAGE[..., 0], IMAGE.astype(np.float32)], ids=["rgb", "grey", "float"]
)
def test_resize_is_that_of_scikit_image(image: np.ndarray, preserve_range: bool) -> None:
    resized = utils.resize(image, (30, 40), preserve_range=preserve_range)
    expected = transform.resize(
        image, (30, 40), order=1, mode="constant", preserve_range=preserve_range, anti_aliasing=False
    )
    assert resized.dtype == expected.dtype
    assert resized == pytest.approx(expected, rel=1e-5)
    with pytest.raises(NotImplementedError, match="skimage"):
        utils.resize(image, (30, 40), order=3)
