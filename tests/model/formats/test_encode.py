"""Files that any program reads."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from model.formats.encode import CannotEncode, check_encodable, encode_jpeg, encode_png


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


def test_jpeg_keeps_the_colours() -> None:
    orange = np.full((16, 16, 3), (230, 159, 0), np.uint8)

    image = Image.open(io.BytesIO(encode_jpeg(orange)))

    assert image.format == "JPEG"
    assert np.abs(np.asarray(image).astype(int) - orange).max() <= 4


@pytest.mark.parametrize(
    ("encode", "largest"), [(encode_png, 1_000_000), (encode_jpeg, 65_500)], ids=["PNG", "JPEG"]
)
def test_a_side_longer_than_the_format_holds_is_refused_and_the_longest_is_written(
    encode: Callable[[npt.NDArray[np.uint8]], bytes], largest: int
) -> None:
    for shape in ((1, largest), (largest, 1)):
        assert Image.open(io.BytesIO(encode(np.zeros(shape, np.uint8)))).size == shape[::-1]
    for width, height in ((largest + 1, 1), (1, largest + 1)):
        with pytest.raises(
            CannotEncode, match=f"{width} x {height} pixels is too large.* at most {largest:,}"
        ):
            encode(np.zeros((height, width), np.uint8))


def test_encodable_is_told_without_pixels() -> None:
    check_encodable((1_000_000, 10_000), "png")
    with pytest.raises(CannotEncode, match="too large for JPEG"):
        check_encodable((10, 65_501), "jpeg")


def test_what_opencv_cannot_encode_is_an_error_not_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.imencode", lambda *_: (False, ()))
    with pytest.raises(CannotEncode, match="made no PNG of a picture of 7 x 5 pixels"):
        encode_png(np.zeros((5, 7), np.uint8))
