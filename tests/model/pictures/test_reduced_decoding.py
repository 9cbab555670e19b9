"""A JPEG larger than anybody needs is decoded at 1/2, 1/4 or 1/8, and is the same picture."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms

from model.pictures import BrokenPicture, Limits, NotAPicture, PictureTooLarge, decode, decode_reduced, whole

Size = tuple[int, int]


def gradient(width: int, height: int) -> Image.Image:
    """A picture whose every corner differs."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = [columns * 255 // width, rows * 255 // height, 128 + 0 * rows]
    return Image.fromarray(np.stack(channels, axis=2).astype(np.uint8))


def file_of(image: Image.Image, file_format: str = "JPEG", orientation: int = 1, **options: Any) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    file = io.BytesIO()
    image.save(file, file_format, exif=exif, **options)
    return file.getvalue()


def enlarged(image: npt.NDArray[np.uint8], size: Size) -> npt.NDArray[np.int64]:
    """The image at `size`, to compare."""
    return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR)).astype(int)


@pytest.mark.parametrize(
    ("size", "enough", "decoded"),
    [
        ((1600, 1200), (800, 600), (800, 600)),  # 1/2, to the pixel
        ((1600, 1200), (801, 600), (1600, 1200)),  # one column too few
        ((1600, 1200), (400, 601), (1600, 1200)),  # one row too few, though the columns would do
        ((1600, 1200), (399, 299), (400, 300)),  # 1/4
        ((1600, 1200), (10, 8), (200, 150)),  # 1/8 is the least
        ((1601, 1203), (400, 300), (401, 301)),  # sides that do not divide are rounded up
        ((1600, 1), (100, 1), (1600, 1)),  # a row
        ((1600, 1200), (1600, 1200), (1600, 1200)),
    ],
)
def test_a_jpeg_is_reduced_as_far_as_leaves_enough(size: Size, enough: Size, decoded: Size) -> None:
    picture = decode_reduced(file_of(gradient(*size)), lambda _: enough)

    assert picture.image.shape == (decoded[1], decoded[0], 3)
    assert picture.image.dtype == np.uint8
    assert picture.size == size


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_jpeg_is_upright_and_enough_is_asked_of_its_upright_size(orientation: int) -> None:
    data = file_of(gradient(803, 401), orientation=orientation)
    size = (803, 401) if orientation < 5 else (401, 803)
    asked = []

    def half(size: Size) -> Size:
        asked.append(size)
        return size[0] // 2, size[1] // 2

    picture = decode_reduced(data, half)

    assert asked == [size]
    assert picture.size == size
    assert picture.image.shape == (-(-size[1] // 2), -(-size[0] // 2), 3)
    assert np.abs(enlarged(picture.image, size) - decode(data)).max() <= 12


def swapping_profile() -> bytes:
    """A profile: sRGB with the red and the blue primary swapped."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    profile = profile.replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")
    return profile.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@pytest.mark.parametrize(
    ("mode", "options"),
    [
        ("RGB", {"progressive": True}),
        ("RGB", {"subsampling": "4:4:4"}),
        ("RGB", {"icc_profile": swapping_profile()}),
        ("L", {}),
        ("CMYK", {}),
    ],
)
def test_every_kind_of_jpeg_has_its_colours_when_reduced(mode: str, options: dict[str, Any]) -> None:
    data = file_of(gradient(800, 400).convert(mode), quality=95, **options)

    picture = decode_reduced(data, lambda _: (100, 50))

    assert picture.image.shape == (50, 100, 3)
    difference = np.abs(enlarged(picture.image, (800, 400)) - decode(data))
    assert difference.mean() < 2
    assert difference.max() <= 16


def test_a_phones_jpeg_of_several_pictures_is_reduced_too() -> None:
    data = file_of(gradient(800, 400), "MPO", save_all=True, append_images=[gradient(800, 400)])

    picture = decode_reduced(data, lambda _: (200, 100))

    assert picture.image.shape == (100, 200, 3)
    assert picture.size == (800, 400)


@pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF", "BMP", "GIF"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_other_formats_are_decoded_whole(file_format: str, orientation: int) -> None:
    data = file_of(gradient(80, 40), file_format, orientation)
    expected = decode(data)

    picture = decode_reduced(data, lambda _: (10, 5))

    assert (picture.image == expected).all()
    assert picture.size == (expected.shape[1], expected.shape[0])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 95, "subsampling": "4:2:2"}])
def test_who_wants_every_pixel_gets_those_that_pillow_gives(options: dict[str, Any]) -> None:
    data = file_of(gradient(803, 401), **options)
    expected = np.asarray(Image.open(io.BytesIO(data)))

    assert (decode_reduced(data, whole).image == expected).all()
    assert (decode(data) == expected).all()


def test_the_pixel_limit_counts_the_whole_size_in_the_header() -> None:
    data = file_of(gradient(800, 400))

    assert decode_reduced(data, lambda _: (100, 50), Limits(max_pixels=320_000)).size == (800, 400)
    with pytest.raises(PictureTooLarge, match=r"320,000 pixels \(800 x 400\); at most 319,999"):
        decode_reduced(data, lambda _: (100, 50), Limits(max_pixels=319_999))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.7, 0.95])
def test_a_truncated_jpeg_is_broken_though_reduced(progressive: bool, kept: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8))
    data = file_of(noise, progressive=progressive)

    with pytest.raises(BrokenPicture, match="truncated or corrupt"):
        decode_reduced(data[: int(len(data) * kept)], lambda _: (32, 32))


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(NotAPicture):
        decode_reduced(b"hello, this is text", lambda _: (1, 1))
