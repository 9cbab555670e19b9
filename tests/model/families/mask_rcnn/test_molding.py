"""A picture is scaled, padded and normalised as its mode says, and boxes find their way back."""

from __future__ import annotations

import numpy as np
import pytest

from model.families.mask_rcnn.fit import fit_of, scale_of
from model.families.mask_rcnn.molding import grey_range_of, mold
from model.mrcnn import Config

MEAN = np.array(Config().mean_pixel, np.float32)


def config(mode: str, least: int = 128, most: int = 256, **more: object) -> Config:
    return Config(image_resize_mode=mode, image_min_dim=least, image_max_dim=most, **more)  # type: ignore[arg-type]


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 255, (height, width, 3), np.uint8)


@pytest.mark.parametrize(
    ("settings", "image_hw", "picture_hw", "window"),
    [
        (config("square"), (64, 100), (256, 256), (64, 28, 192, 228)),  # ×2: the short side reaches 128
        (config("square"), (200, 200), (256, 256), (28, 28, 228, 228)),  # large enough: as it is
        (config("square"), (400, 800), (256, 256), (64, 0, 192, 256)),  # the long side is brought down
        (config("square"), (101, 256), (256, 256), (77, 0, 178, 256)),  # ×1.27 would overshoot; odd padding
        (config("square", image_min_scale=1.5), (160, 160), (256, 256), (8, 8, 248, 248)),
        (config("square", image_max_scale=1.25), (64, 100), (256, 256), (88, 65, 168, 190)),  # not ×2
        (config("pad64"), (64, 100), (128, 256), (0, 28, 128, 228)),
        (config("pad64"), (400, 800), (448, 832), (24, 16, 424, 816)),  # never down, so no longest side
        (config("pad64"), (128, 192), (128, 192), (0, 0, 128, 192)),
        (config("none"), (64, 192), (64, 192), (0, 0, 64, 192)),  # below the least, and stays there
        (config("fit64"), (64, 100), (128, 256), (0, 28, 128, 228)),  # pad64's padding…
        (config("fit64"), (400, 800), (128, 256), (0, 0, 128, 256)),  # …and square's scale
        (config("fit64"), (130, 130), (192, 192), (31, 31, 161, 161)),
    ],
)
def test_a_mode_scales_and_pads(
    settings: Config, image_hw: tuple[int, int], picture_hw: tuple[int, int], window: tuple[int, ...]
) -> None:
    molded = mold(noise(*image_hw), settings)
    assert molded.picture.shape == (1, *picture_hw, 3)
    assert molded.picture.dtype == np.float32
    assert molded.fit.window == window
    assert molded.fit.size == image_hw[::-1]


@pytest.mark.parametrize(
    ("least", "most", "image_hw", "picture_hw"),
    [
        (576, 1024, (512, 512), (576, 576)),  # the least side is not padded on
        (576, 1024, (512, 640), (576, 768)),
        (576, 1024, (520, 696), (576, 1024)),  # ×1.11 is 771
        (576, 1024, (1024, 700), (1024, 768)),
        (800, 1024, (480, 640), (768, 1024)),
        (800, 1024, (500, 500), (832, 832)),
        (800, 1024, (100, 1000), (256, 1024)),  # the long side limits the scale
        (800, 1000, (1000, 900), (1024, 1024)),
        (64, 128, (100, 60), (128, 64)),  # never beyond the largest side
    ],
)
def test_where_shapes_are_dear_few_sides_occur(
    least: int, most: int, image_hw: tuple[int, int], picture_hw: tuple[int, int]
) -> None:
    settings = config("fit64", least, most)
    molded = mold(noise(*image_hw), settings, fit_of(image_hw[::-1], settings, few_shapes=True))
    assert molded.shape == picture_hw
    y1, x1, y2, x2 = molded.fit.window
    assert abs(y1 - (picture_hw[0] - y2)) <= 1  # in the middle
    assert abs(x1 - (picture_hw[1] - x2)) <= 1


@pytest.mark.parametrize("mode", ["square", "none"])
def test_few_shapes_change_no_mode_of_matterport(mode: str) -> None:
    image, settings = noise(128, 192), config(mode)
    np.testing.assert_array_equal(
        mold(image, settings, fit_of((192, 128), settings, few_shapes=True)).picture,
        mold(image, settings).picture,
    )


@pytest.mark.parametrize("mode", ["square", "pad64", "fit64"])
@pytest.mark.parametrize("normalization", ["mean_pixel", "contrast"])
def test_padding_is_black_less_the_mean(mode: str, normalization: str) -> None:
    molded = mold(noise(100, 160), config(mode, image_normalization=normalization))
    outside = np.ones(molded.shape, bool)
    y1, x1, y2, x2 = molded.fit.window
    outside[y1:y2, x1:x2] = False
    assert outside.any()
    np.testing.assert_array_equal(molded.picture[0][outside], np.broadcast_to(-MEAN, (outside.sum(), 3)))


def test_an_image_that_is_not_scaled_keeps_its_pixels() -> None:
    image = noise(128, 192)
    np.testing.assert_array_equal(mold(image, config("fit64")).picture[0], image - MEAN)


def test_square_resizes_in_float_and_cuts_to_whole_levels() -> None:
    image = np.zeros((64, 64, 3), np.uint8)
    image[:, 1::2] = 3
    row = (mold(image, config("square", least=128, most=128)).picture[0] + MEAN)[64, :8, 0]
    np.testing.assert_allclose(row, [0, 0, 2, 2, 0, 0, 2, 2], atol=1e-4)  # of 0, 0.75, 2.25, 2.25, 0.75, …


def test_square_reads_black_beyond_the_edge_but_nothing_darker_than_the_image() -> None:
    image = np.full((64, 64, 3), 200, np.uint8)
    image[32, 32] = 100
    picture = mold(image, config("square", least=128, most=128)).picture[0] + MEAN
    np.testing.assert_allclose(picture[0, 60], 150, atol=1e-4)  # 3/4 of 200
    np.testing.assert_allclose(picture[0, 0], 112, atol=1e-4)  # 9/16 of 200 is 112.5
    image[32, 32] = 180
    picture = mold(image, config("square", least=128, most=128)).picture[0] + MEAN
    np.testing.assert_allclose(picture[0, 0], 180, atol=1e-4)


def test_square_leaves_a_flat_image_flat_inside() -> None:
    """The sum of the four shares is 1 to the last bit that matters: 119.99 would be cut to 119."""
    image = np.full((427, 640, 3), 120, np.uint8)
    molded = mold(image, config("square", least=192, most=320))
    y1, x1, y2, x2 = molded.fit.window
    inside = molded.picture[0, y1 + 1 : y2 - 1, x1 + 1 : x2 - 1] + MEAN
    assert np.mean(np.abs(inside - 120) < 1e-4) > 0.999


@pytest.mark.parametrize(
    ("mode", "image_hw", "told"),
    [
        ("crop", (300, 300), '"square" or "fit64"'),
        ("none", (100, 128), "multiples of 64, not 128 x 100 pixels"),
        ("none", (128, 100), '"fit64"'),
    ],
)
def test_what_cannot_be_molded_is_refused(mode: str, image_hw: tuple[int, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        mold(noise(*image_hw), config(mode))


@pytest.mark.parametrize("mode", ["square", "fit64"])
@pytest.mark.parametrize("image_hw", [(2, 5000), (5000, 3), (1, 1), (1, 300)])
def test_an_extremely_long_image_is_molded(mode: str, image_hw: tuple[int, int]) -> None:
    molded = mold(noise(*image_hw), config(mode))
    y1, x1, y2, x2 = molded.fit.window
    assert y1 < y2
    assert x1 < x2
    back = molded.to_image_boxes(molded.normalized_window[None])
    assert (back >= 0).all()
    assert (back <= np.array([*image_hw] * 2)).all()


@pytest.mark.parametrize(("factor", "shift"), [(5, 0), (1, 150), (3, 60)])
def test_contrast_makes_a_dim_image_and_a_bright_one_look_alike(factor: int, shift: int) -> None:
    settings = config("fit64", image_normalization="contrast")
    dim = (noise(128, 128) // 8).astype(np.uint8)  # 0…31
    bright = (dim * factor + shift).astype(np.uint8)
    expected = mold(dim, settings).picture
    np.testing.assert_allclose(mold(bright, settings).picture, expected, atol=1e-2)
    assert np.ptp(expected) > 200


def test_a_scale_bar_does_not_make_an_image_dim() -> None:
    settings = config("fit64", image_normalization="contrast")
    image = noise(128, 128) // 8  # 0…31
    without = grey_range_of(image, settings)
    image[110:118, 40:110] = 255

    assert grey_range_of(image, settings) == without


@pytest.mark.parametrize("level", [0, 7, 255])
def test_a_constant_image_is_not_stretched_to_noise(level: int) -> None:
    image = np.full((128, 128, 3), level, np.uint8)
    picture = mold(image, config("fit64", image_normalization="contrast")).picture
    np.testing.assert_array_equal(picture[0], np.broadcast_to(-MEAN, (128, 128, 3)))


def test_a_part_is_stretched_as_the_picture_that_it_is_part_of() -> None:
    settings = config("fit64", image_normalization="contrast")
    whole = noise(128, 256) // 2
    whole[:, :128] //= 4  # its dim half
    part = whole[:, :128]
    np.testing.assert_allclose(
        mold(part, settings, grey_range=grey_range_of(whole, settings)).picture[0],
        mold(whole, settings).picture[0, :, :128],
    )


@pytest.mark.parametrize("mode", ["square", "pad64", "fit64"])
@pytest.mark.parametrize("image_hw", [(64, 100), (100, 64), (180, 200), (400, 800), (97, 211)])
def test_boxes_return_to_image_pixels(mode: str, image_hw: tuple[int, int]) -> None:
    settings = config(mode)
    molded = mold(noise(*image_hw), settings)
    whole = molded.to_image_boxes(molded.normalized_window[None])
    np.testing.assert_array_equal(whole, [[0, 0, *image_hw]])

    inner = np.array([[10, 20, 50, 60]])
    scale = scale_of(*image_hw, settings)  # below 1, a pixel of the picture is several of the image
    in_picture = inner * scale + np.tile(molded.fit.window[:2], 2)
    normalized = (in_picture - [0, 0, 1, 1]) / (np.tile(molded.shape, 2) - 1)
    np.testing.assert_allclose(
        molded.to_image_boxes(normalized.astype(np.float32)), inner, atol=max(1, 1 / scale)
    )
