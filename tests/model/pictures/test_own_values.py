"""Own values: what a file stores, not stretched, not converted, as far as it is asked for."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from tiffs import tiff_of

from model.formats.encode import encode_png
from model.measures import measure
from model.pictures import Decoded, decode_reduced, whole
from model.pictures.isolation.decoders import Decoders
from model.results.segments import Segments

NOISE = np.random.default_rng(1)
DEEP = NOISE.integers(100, 3000, (20, 30, 1)).astype(np.uint16)
COLOURS = NOISE.integers(0, 256, (20, 30, 3)).astype(np.uint8)


def saved(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def values_of(data: bytes, **how: Any) -> np.ndarray:
    decoded = decode_reduced(data, whole, keeps_values=True, **how)
    assert decoded.values is not None
    assert decoded.values.shape[:2] == decoded.image.shape[:2]
    return decoded.values


STACK = NOISE.integers(0, 60_000, (3, 20, 30)).astype(np.uint16)


def stack() -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, STACK, photometric="minisblack")
    return file.getvalue()


TWELVE_BITS = NOISE.integers(0, 4096, (20, 30, 1)).astype(np.uint16)
FLOATS = NOISE.random((20, 30, 2)).astype(np.float32)
ALPHA = np.dstack([COLOURS, np.full((20, 30, 1), 9, np.uint8)])
PALETTE = Image.fromarray(COLOURS[:, :, 0] % 4, "P")
PALETTE.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120])

KINDS: dict[str, tuple[bytes, dict[str, Any], np.ndarray]] = {
    "16-bit TIFF": (tiff_of(DEEP), {}, DEEP),
    "of the other byte order": (tiff_of(DEEP, order=">"), {}, DEEP),
    "12 bits are not scaled up": (tiff_of(TWELVE_BITS, bits=12), {}, TWELVE_BITS),
    "floats": (tiff_of(FLOATS), {}, FLOATS),
    "one channel of two": (tiff_of(FLOATS, planes=True), {"channel": 1}, FLOATS[:, :, 1:]),
    "opacity is left out": (tiff_of(np.dstack([DEEP, DEEP // 2]), extra=[2]), {}, DEEP),
    "lying TIFF": (tiff_of(DEEP, orientation=6), {}, np.rot90(DEEP, -1)),
    "16-bit PNG": (encode_png(DEEP[:, :, 0]), {}, DEEP),
    "grey": (encode_png(COLOURS[:, :, 0].copy()), {}, COLOURS[:, :, :1]),
    "colours": (encode_png(COLOURS), {}, COLOURS),
    "green": (encode_png(COLOURS), {"channel": 1}, COLOURS[:, :, 1:2]),
    "transparent colours": (encode_png(ALPHA), {}, COLOURS),
    "their opacity": (encode_png(ALPHA), {"channel": 3}, ALPHA[:, :, 3:]),
    "palette": (saved(PALETTE, "GIF"), {}, np.asarray(PALETTE.convert("RGB"))),
    "third page": (stack(), {"page": 2}, STACK[2][:, :, None]),
    "brightest of all pages": (stack(), {"projection": "max"}, STACK.max(axis=0)[:, :, None]),
    "mean of all pages": (stack(), {"projection": "mean"}, STACK.mean(axis=0)[:, :, None]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_values_are_those_of_the_file(kind: str) -> None:
    data, how, expected = KINDS[kind]
    found = values_of(data, **how)

    assert found.dtype == expected.dtype.newbyteorder("=")
    np.testing.assert_array_equal(found, expected)


def test_a_jpeg_whose_values_are_kept_is_not_reduced() -> None:
    data = saved(Image.fromarray(NOISE.integers(0, 256, (160, 240, 3)).astype(np.uint8)), "JPEG")

    assert decode_reduced(data, lambda _: (30, 20)).image.shape == (20, 30, 3)
    kept = decode_reduced(data, lambda _: (30, 20), keeps_values=True)
    assert kept.image.shape == (160, 240, 3)
    np.testing.assert_array_equal(kept.values, kept.image)


@pytest.fixture(scope="module")
def decoders() -> Iterator[Decoders]:
    decoders = Decoders()
    yield decoders
    decoders.close()


def test_another_process_returns_the_same_values_and_only_if_asked(decoders: Decoders) -> None:
    def both(data: bytes, **how: Any) -> tuple[Decoded, Decoded]:
        return decode_reduced(data, whole, **how), decoders.decode(data, whole, **how)

    for kind in ("16-bit TIFF", "floats", "colours", "mean of all pages"):
        data, how, _ = KINDS[kind]
        here, there = both(data, **how, keeps_values=True)
        np.testing.assert_array_equal(here.image, there.image)
        np.testing.assert_array_equal(here.values, there.values)
        assert here.values is not None and there.values is not None
        assert here.values.dtype == there.values.dtype
        assert [one.values for one in both(data, **how)] == [None, None]


# A rectangle of 4 x 3 pixels, in files of every kind that says how large a pixel is.
RECTANGLE = Segments(
    (8, 6),
    np.array([[2, 1, 6, 4]], np.int32),
    np.ones(1, np.int32),
    np.ones(1, np.float32),
    [np.ones((3, 4), np.uint8)],
)


def tiff(**options: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, np.zeros((6, 8), np.uint16), **{"photometric": "minisblack", **options})
    return file.getvalue()


GREY = Image.new("L", (8, 6))
IN_MICRONS = {"unit": "um"}
OF_OME = {"axes": "YX", "PhysicalSizeX": 0.25, "PhysicalSizeY": 0.5}

SIZED = {  # file, area in µm² of 12 pixels, and x of the rectangle's middle, 4 pixels from the left
    "ImageJ, 2 pixels a µm": (tiff(imagej=True, resolution=(2, 2), metadata=IN_MICRONS), 3, 2),
    "ImageJ, in nm": (tiff(imagej=True, resolution=(0.01, 0.01), metadata={"unit": "nm"}), 0.12, 0.4),
    "OME, 0.25 x 0.5 µm": (tiff(ome=True, metadata=OF_OME), 1.5, 1),
    "TIFF, 20,000 pixels a cm": (tiff(resolution=(20_000, 20_000), resolutionunit=3), 3, 2),
    "TIFF, 4 pixels a µm": (tiff(resolution=(4, 4), resolutionunit=5), 0.75, 1),
    "PNG, 50,800 pixels an inch": (saved(GREY, "PNG", dpi=(50_800, 50_800)), 3, 2),
    "BMP, 50,800 pixels an inch": (saved(GREY, "BMP", dpi=(50_800, 50_800)), 3, 2),
    "JPEG, 50,800 pixels an inch": (saved(GREY, "JPEG", dpi=(50_800, 50_800)), 3, 2),
}


@pytest.mark.parametrize("kind", SIZED)
def test_measures_are_in_micrometres_by_each_kind_of_file(kind: str) -> None:
    data, area, middle = SIZED[kind]
    decoded = decode_reduced(data, whole)
    measures = measure(RECTANGLE, None, ["shape"], decoded.origin.pixel_size)

    assert measures.unit == "µm"
    assert measures.values[0]["area"] == pytest.approx(area, rel=1e-3)
    assert measures.values[0]["centroid_x"] == pytest.approx(middle, rel=1e-3)


def test_measures_are_in_pixels_where_a_resolution_is_meant_for_printers() -> None:
    decoded = decode_reduced(saved(GREY, "PNG", dpi=(300, 300)), whole)
    measures = measure(RECTANGLE, None, ["shape"], decoded.origin.pixel_size)

    assert (measures.unit, measures.values[0]["area"]) == ("px", 12)
