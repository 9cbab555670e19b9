"""Pictures of more than 8 bits a channel, as microscopes write them."""

from __future__ import annotations

import itertools

import cv2
import numpy as np
import pytest
from PIL import ImageCms

from model.pictures import BrokenPicture, decode
from model.pictures.limits import Limits, NoSuchChannel, PictureTooLarge
from tests.tiffs import tiff_of

RNG = np.random.default_rng(0)


def stretched(values: np.ndarray) -> np.ndarray:
    """What must come out of values without outliers."""
    low, high = float(values.min()), float(values.max())
    return np.rint((values.astype(np.float64) - low) / (high - low) * 255).astype(np.uint8)


@pytest.mark.parametrize(
    ("dtype", "channels", "compression", "differences", "tile"),
    [
        *itertools.product(["u2"], [1, 2, 3, 5], ["none", "lzw", "deflate"], [False], [None, 16]),
        *itertools.product(["u2"], [1, 3], ["lzw", "deflate"], [True], [None, 16]),
        *itertools.product(["u1", "i2", "u4", "i4", "f4", "f8"], [2, 3], ["lzw"], [False], [None]),
        ("u4", 1, "none", False, None),  # over 2³¹: negative, to Pillow
        ("f8", 1, "none", False, None),
        ("f2", 1, "deflate", False, None),
    ],
)
@pytest.mark.parametrize("planes", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_tiff_of_any_depth_and_number_of_channels_is_read_exactly(
    dtype: str, channels: int, compression: str, differences: bool, tile: int | None, planes: bool, order: str
) -> None:
    high = {"u1": 255, "i2": 30_000, "u4": 4_000_000_000, "f2": 900}.get(dtype, 60_000)
    values = RNG.integers(0, high, (37, 21, channels)).astype(dtype)
    data = tiff_of(
        values,
        planes=planes,
        order=order,
        compression=compression,
        differences=differences,
        tile=tile,
        colour=channels == 3,
    )
    expected = np.zeros((37, 21, 3), np.uint8)
    shown = values[:, :, :3]
    expected[:, :, : 3 if channels == 1 else channels] = shown if dtype == "u1" else stretched(shown)

    assert (decode(data) == expected).all()
    for channel in range(channels if dtype != "u1" else 0):
        grey = stretched(values[:, :, [channel]])
        assert (decode(data, channel=channel) == grey).all()
    with pytest.raises(NoSuchChannel, match=rf"channel {channels}; the picture has {channels} channel"):
        decode(data, channel=channels)


def test_twelve_bits_in_sixteen_are_told_apart() -> None:
    values = np.arange(256, dtype=np.uint16).reshape(16, 16, 1) * 16

    assert len(np.unique(decode(tiff_of(values)))) == 256
    assert len(np.unique(decode(tiff_of(values.repeat(3, axis=2), colour=True)))) == 256


@pytest.mark.parametrize("dtype", ["u2", "i2", "u4", "f4", "f8"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_hot_and_a_dead_pixel_do_not_darken_the_picture(dtype: str, channels: int) -> None:
    values = RNG.integers(500, 1000, (200, 200, channels)).astype(dtype)
    sound = decode(tiff_of(values, colour=channels == 3)).astype(int)
    values[20, 30], values[100, 7] = 30_000, 0
    values[0, 0] = 29_000

    seen = decode(tiff_of(values, colour=channels == 3)).astype(int)

    assert (seen[20, 30] == 255).all()
    assert (seen[100, 7] == 0).all()
    differences = np.abs(seen - sound)
    differences[[20, 100, 0], [30, 7, 0]] = 0
    assert differences.max() <= 1


def test_a_small_bright_object_stays_in_the_range() -> None:
    """Fewer pixels than may be outliers, but they lie next to each other."""
    values = RNG.integers(100, 110, (500, 500, 1)).astype(np.uint16)
    values[250:253, 100:103] = 4000
    values[251, 101] = 8000  # a peak of one pixel: a hot pixel for all that can be known

    seen = decode(tiff_of(values))[:, :, 0]

    assert seen[250, 100] == 255
    assert np.median(seen) <= 1  # the noise was not stretched


@pytest.mark.parametrize("clipped", [24, 26])
def test_one_pixel_in_ten_thousand_is_the_most_that_is_cut_off(clipped: int) -> None:
    values = (np.arange(500 * 500) % 1000).astype(np.uint16).reshape(500, 500, 1)
    values.reshape(-1)[5000 : 5000 + clipped * 5000 : 5000] = 9000  # none next to another

    assert (np.median(decode(tiff_of(values))) > 100) == (clipped <= 25)


def test_a_picture_of_several_blocks_has_one_range() -> None:
    values = np.zeros((1200, 1000, 1), np.uint16)  # over a million pixels: two blocks
    values[:600], values[600:] = 1000, 3000
    values[600:, 500:] = 2000

    seen = decode(tiff_of(values, compression="deflate"))[:, :, 0]

    assert (seen[0, 0], seen[-1, 0], seen[-1, -1]) == (0, 255, 128)


def test_low_is_bright_where_the_tiff_says_so() -> None:
    values = np.array([[[100], [200], [300]]], np.uint16)

    assert decode(tiff_of(values, inverted=True))[0, :, 0].tolist() == [255, 127, 0]
    assert decode(tiff_of(values, inverted=True), channel=0)[0, :, 0].tolist() == [255, 127, 0]


@pytest.mark.parametrize(("extra", "third"), [(0, [128] * 3), (1, [255] * 3), (2, [191] * 3)])
def test_opacity_of_16_bits_shows_white_and_another_channel_nothing(extra: int, third: list[int]) -> None:
    values = np.array([[[0, 0, 0, 65535], [200, 200, 200, 65535], [100, 100, 100, 32768]]], np.uint16)

    seen = decode(tiff_of(values, colour=True, extra=[extra]))[0].tolist()

    assert seen == [[0, 0, 0], [255, 255, 255], third]


def test_16_bit_colours_with_a_profile_keep_their_brightness() -> None:
    """A photo, in which the profile says what the values mean."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    values = np.array([[[10 * 257, 20 * 257, 30 * 257], [100 * 257] * 3]], np.uint16)

    assert decode(tiff_of(values, colour=True, profile=profile))[0].tolist() == [[10, 20, 30], [100] * 3]


@pytest.mark.parametrize(("orientation", "first"), [(1, 0), (3, 5), (5, 0), (6, 4), (8, 1)])
def test_deep_pictures_are_upright(orientation: int, first: int) -> None:
    values = np.arange(6, dtype=np.uint16).reshape(3, 2, 1) * 51  # two columns, three rows

    seen = decode(tiff_of(values, orientation=orientation))

    assert seen.shape == ((3, 2, 3) if orientation < 5 else (2, 3, 3))
    assert seen[0, 0, 0] == first * 51


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_colours_in_a_png_are_stretched(channels: int) -> None:
    values = RNG.integers(300, 900, (20, 30, channels), np.uint16)
    values[:, :, 3:] = 65535
    data = cv2.imencode(".png", values)[1].tobytes()
    bgr = stretched(values[:, :, :3])

    assert (decode(data) == bgr[:, :, ::-1]).all()
    assert (decode(data, channel=2)[:, :, 0] == stretched(values[:, :, 0])).all()


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_deep_picture_is_broken(kept: float) -> None:
    values = RNG.integers(0, 65535, (40, 40, 3), np.uint16)
    for data in (cv2.imencode(".png", values)[1].tobytes(), cv2.imencode(".tiff", values)[1].tobytes()):
        with pytest.raises(BrokenPicture):
            decode(data[: int(len(data) * kept)])


def test_a_length_that_a_png_only_claims_allocates_nothing() -> None:
    data = bytearray(cv2.imencode(".png", np.ones((4, 4, 3), np.uint16))[1].tobytes())
    data[33:37] = b"\xff\xff\xff\xf0"

    with pytest.raises(BrokenPicture):
        decode(bytes(data))


def test_many_deep_channels_count_as_more_pixels() -> None:
    data = tiff_of(np.zeros((10, 10, 9), np.uint16), compression="deflate")

    assert decode(data, Limits(max_pixels=225)).shape == (10, 10, 3)
    with pytest.raises(PictureTooLarge, match=r"1,800 bytes \(10 x 10 pixels, 9 channels of 16 bits\)"):
        decode(data, Limits(max_pixels=224))


def test_wide_tiles_of_a_narrow_picture_count_as_they_are_unpacked() -> None:
    data = tiff_of(np.zeros((64, 2, 1), np.uint16), tile=64, compression="deflate")

    assert decode(data, Limits(max_pixels=64 * 64)).shape == (64, 2, 3)
    narrow = tiff_of(np.zeros((320, 2, 1), np.uint32), tile=64, compression="deflate")
    with pytest.raises(PictureTooLarge, match="64 x 320 pixels, 1 channels of 32 bits"):
        decode(narrow, Limits(max_pixels=64 * 64 * 2))
