"""Files that any program reads."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from model.formats.encode import (
    LARGEST_SIDES,
    CannotEncode,
    FileFormat,
    check_encodable,
    encode,
    encode_jpeg,
    encode_mask,
    encode_png,
    encode_webp,
)

TISSUE = Path(__file__).parents[3] / "app/static/samples/tissue.png"


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [
        ((5, 7), np.uint8),  # grey
        ((5, 7, 3), np.uint8),  # RGB
        ((5, 7, 4), np.uint8),  # RGBA
        ((5, 7), np.uint16),  # a label map
        ((1, 1), np.uint16),
    ],
)
def test_png_keeps_every_pixel(shape: tuple[int, ...], dtype: type) -> None:
    pixels = np.random.default_rng(0).integers(0, np.iinfo(dtype).max + 1, shape, dtype)

    decoded = np.asarray(Image.open(io.BytesIO(encode_png(pixels))))

    assert decoded.dtype == dtype
    assert (decoded == pixels).all()


def test_png_takes_a_part_of_a_larger_picture() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)

    assert (np.asarray(Image.open(io.BytesIO(encode_png(picture[3:9, 5:11])))) == picture[3:9, 5:11]).all()


@pytest.mark.parametrize("file_format", LARGEST_SIDES)
def test_every_format_keeps_the_colours_and_is_what_its_name_says(file_format: FileFormat) -> None:
    orange = np.full((16, 16, 3), (230, 159, 0), np.uint8)

    image = Image.open(io.BytesIO(encode(orange, file_format)))

    assert image.format == file_format.upper()
    assert np.abs(np.asarray(image).astype(int) - orange).max() <= 4


@pytest.mark.parametrize("file_format", LARGEST_SIDES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (100, 16_383), (3, 2)])
def test_every_format_takes_pictures_of_any_shape(file_format: FileFormat, shape: tuple[int, int]) -> None:
    image = Image.open(io.BytesIO(encode(np.zeros((*shape, 3), np.uint8), file_format)))

    assert image.size == shape[::-1]


def test_webp_keeps_what_is_transparent() -> None:
    cutout = np.full((16, 16, 4), 255, np.uint8)
    cutout[:8] = 0

    assert (np.asarray(Image.open(io.BytesIO(encode_webp(cutout))))[:, :, 3] == cutout[:, :, 3]).all()


def test_tissue_takes_fewer_bytes_as_webp_than_as_jpeg_and_still_looks_the_same() -> None:
    tissue = np.asarray(Image.open(TISSUE).convert("RGB"))

    webp = encode_webp(tissue)

    assert len(webp) < 0.8 * len(encode_jpeg(tissue))
    error = np.asarray(Image.open(io.BytesIO(webp))).astype(np.float64) - tissue
    assert 10 * np.log10(255**2 / np.mean(error**2)) > 30  # dB


def test_a_mask_is_a_png_of_one_bit_a_pixel() -> None:
    mask = np.random.default_rng(0).integers(0, 2, (13, 21), np.uint8)

    encoded = encode_mask(mask)

    assert encoded[24] == 1  # the header's bit depth
    assert (np.asarray(Image.open(io.BytesIO(encoded))) == mask).all()


@pytest.mark.parametrize(
    ("encode", "largest"),
    [(encode_png, 1_000_000), (encode_mask, 1_000_000), (encode_jpeg, 65_500), (encode_webp, 16_383)],
    ids=["PNG", "mask", "JPEG", "WebP"],
)
def test_a_side_longer_than_the_format_holds_is_refused_and_the_longest_is_written(
    encode: Callable[[npt.NDArray[np.uint8]], bytes], largest: int
) -> None:
    for shape in ((1, largest), (largest, 1)):
        assert Image.open(io.BytesIO(encode(np.zeros(shape, np.uint8)))).size == shape[::-1]
    for width, height in ((largest + 1, 1), (1, largest + 1)):
        with pytest.raises(
            CannotEncode, match=f"{width} x {height} pixels is too large.* limit is {largest:,} per side"
        ):
            encode(np.zeros((height, width), np.uint8))


def test_encodable_is_told_without_pixels() -> None:
    check_encodable((1_000_000, 10_000), "png")
    with pytest.raises(CannotEncode, match="too large for JPEG"):
        check_encodable((10, 65_501), "jpeg")
    with pytest.raises(CannotEncode, match="too large for WebP"):
        check_encodable((20_000, 100), "webp")


def test_what_opencv_cannot_encode_is_an_error_not_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.imencode", lambda *_: (False, ()))
    with pytest.raises(CannotEncode, match="could not write 7 x 5 pixels as PNG"):
        encode_png(np.zeros((5, 7), np.uint8))
