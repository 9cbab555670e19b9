"""Files that any program reads."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from model.formats.encode import encode_jpeg, encode_png


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
