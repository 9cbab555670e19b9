"""A projection: all pages of a stack as one picture, at their full depth and within the limits."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from model.pictures import (
    Limits,
    NoSuchChannel,
    PagesDiffer,
    PictureTooLarge,
    Projection,
    TooManyFrames,
    decode,
    decode_reduced,
    whole,
)
from tests.mutants import heic_of

SIZE = (24, 16)


def tiff_of_pages(*pages: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    with tifffile.TiffWriter(file, byteorder=options.pop("byteorder", "<")) as writer:
        for page in pages:
            writer.write(page, **{"metadata": None, **options})
    return file.getvalue()


def animation(file_format: str, *pages: Image.Image, **options: Any) -> bytes:
    if file_format == "HEIC":
        return heic_of(*pages)
    file = io.BytesIO()
    pages[0].save(file, file_format, save_all=True, append_images=pages[1:], **options)
    return file.getvalue()


def stack(dtype: str, channels: int = 1) -> list[np.ndarray]:
    """Three pages, each bright elsewhere, of values as a camera with few bits has them."""
    generator = np.random.default_rng(1)
    high = 200 if np.dtype(dtype).itemsize == 1 else 900
    pages = generator.integers(0, high, (3, SIZE[1], SIZE[0], channels)).astype(dtype)
    return [page[:, :, 0] if channels == 1 else page for page in pages]


def shown(values: np.ndarray, **options: Any) -> np.ndarray:
    """What one page with these values looks like."""
    return decode(tiff_of_pages(values, **options))


KINDS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "8 bits": ("u1", 1, {"photometric": "minisblack"}),
    "8-bit colours": ("u1", 3, {"photometric": "rgb"}),
    "16 bits": ("u2", 1, {"photometric": "minisblack"}),
    "16 bits, big-endian": ("u2", 1, {"photometric": "minisblack", "byteorder": ">"}),
    "16 bits, compressed": ("u2", 1, {"photometric": "minisblack", "compression": "zlib"}),
    "16-bit colours": ("u2", 3, {"photometric": "rgb"}),
    "16-bit colours in planes": ("u2", 3, {"photometric": "rgb", "planarconfig": "separate"}),
    "two channels": ("u2", 2, {"photometric": "minisblack", "planarconfig": "contig"}),
    "with a sign": ("i2", 1, {"photometric": "minisblack"}),
    "32 bits": ("u4", 1, {"photometric": "minisblack"}),
    "floats": ("f4", 1, {"photometric": "minisblack"}),
    "double floats": ("f8", 1, {"photometric": "minisblack"}),
    "tiles": ("u2", 1, {"photometric": "minisblack", "tile": (16, 16)}),
}


@pytest.mark.parametrize("how", ["max", "mean"])
@pytest.mark.parametrize(("dtype", "channels", "options"), KINDS.values(), ids=KINDS)
def test_a_projection_is_made_of_the_values_of_the_file(
    dtype: str, channels: int, options: dict[str, Any], how: Projection
) -> None:
    pages = stack(dtype, channels)
    in_planes = options.get("planarconfig") == "separate"
    planes = [page.transpose(2, 0, 1) if in_planes else page for page in pages]
    exact = np.max(planes, axis=0) if how == "max" else np.mean(planes, axis=0)
    if how == "mean" and dtype == "u1":
        exact = np.rint(exact)
    wanted = shown(exact.astype(dtype if dtype == "u1" or how == "max" else "f8"), **options)

    decoded = decode_reduced(tiff_of_pages(*planes, **options), whole, projection=how)

    assert np.abs(decoded.image.astype(int) - wanted).max() <= 1
    assert (decoded.origin.page, decoded.origin.projection) == (None, how)
    assert (decoded.origin.pages, decoded.origin.channels) == (3, channels)


def test_a_mean_keeps_what_8_bits_a_page_would_lose() -> None:
    """Each page alone would be stretched over its own range, and a dim one count as much as a bright one."""
    bright, dim = np.zeros((16, 16), np.uint16), np.zeros((16, 16), np.uint16)
    bright[4:8, 4:8], dim[10:14, 10:14] = 4000, 40

    mean = decode(tiff_of_pages(bright, dim, photometric="minisblack"), projection="mean")

    assert mean[5, 5, 0] == 255
    assert mean[12, 12, 0] <= 3


def test_the_brightest_of_an_inverted_stack_is_the_lowest() -> None:
    pages = [np.full((8, 8), 200, np.uint8) for _ in range(2)]
    pages[0][2, 2], pages[1][5, 5] = 10, 20
    data = tiff_of_pages(*pages, photometric="miniswhite")

    seen = decode(data, projection="max")

    assert (seen[2, 2, 0], seen[5, 5, 0], seen[0, 0, 0]) == (245, 235, 55)


def test_the_projection_of_a_channel() -> None:
    pages = stack("u2", 3)
    options: dict[str, Any] = {"photometric": "rgb"}
    wanted = shown(np.max([page[:, :, 1] for page in pages], axis=0), photometric="minisblack")

    assert (decode(tiff_of_pages(*pages, **options), projection="max", channel=1) == wanted).all()
    with pytest.raises(NoSuchChannel, match="no channel 3; the picture has 3"):
        decode(tiff_of_pages(*pages, **options), projection="max", channel=3)


def test_what_is_not_a_number_does_not_hide_what_is() -> None:
    pages = [np.full((8, 8), value, np.float32) for value in (1, 2)]
    pages[0][0, 0], pages[1][4, 4] = np.nan, 3

    assert decode(tiff_of_pages(*pages, photometric="minisblack"), projection="max")[4, 4, 0] == 255


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_mean_is_of_the_pages_that_have_a_number_there(dtype: str, channels: int) -> None:
    pages = np.random.default_rng(2).integers(1, 90, (4, 16, 24, channels)).astype(dtype)
    pages[0, :, :9], pages[1, 3:7], pages[2] = np.nan, np.nan, np.nan  # half a page, rows, a whole one
    pages[3, 5, 5, 0] = np.nan  # with those before, in all pages
    pages = pages[..., 0] if channels == 1 else pages
    options: dict[str, Any] = {"photometric": "rgb" if channels == 3 else "minisblack"}
    counted = np.ma.masked_invalid(pages.astype(float)).mean(axis=0)

    mean = decode(tiff_of_pages(*pages, **options), projection="mean")

    assert (mean == shown(counted.filled(np.nan), **options)).all()
    assert (mean[:, :9] > 0).any()


def test_a_mean_of_nothing_but_nan_is_black() -> None:
    page = np.full((8, 8), np.nan, np.float32)

    assert (decode(tiff_of_pages(page, page, photometric="minisblack"), projection="mean") == 0).all()


ANIMATIONS = [
    ("GIF", {}),
    ("WEBP", {"lossless": True}),
    ("PNG", {}),
    ("AVIF", {}),
    ("HEIC", {}),
    ("MPO", {}),
]


@pytest.mark.parametrize(("file_format", "options"), ANIMATIONS)
def test_frames_are_projected_as_they_are_seen(file_format: str, options: dict) -> None:
    frames = [Image.new("RGB", (32, 24), (shade, 90, 0)) for shade in (30, 150, 60)]
    data = animation(file_format, *frames, **options)

    for how, red in (("max", 150), ("mean", 80)):
        decoded = decode_reduced(data, whole, projection=how)  # type: ignore[arg-type]
        assert np.abs(decoded.image.astype(int) - (red, 90, 0)).max() <= 8
        assert (decoded.origin.pages, decoded.origin.page, decoded.origin.channels) == (3, None, 3)


@pytest.mark.parametrize("file_format", ["JPEG", "BMP", "PNG", "TIFF", "GIF", "WEBP", "AVIF"])
def test_the_projection_of_one_picture_is_that_picture(file_format: str) -> None:
    file = io.BytesIO()
    Image.effect_noise((32, 24), 60).convert("RGB").save(file, file_format)

    assert (decode(file.getvalue(), projection="mean") == decode(file.getvalue())).all()


GREY = np.zeros((8, 10), np.uint8)
UNLIKE = {
    "size": (GREY, np.zeros((9, 10), np.uint8), "page 0 has 10 x 8 pixels and page 1 has 10 x 9"),
    "depth": (GREY, GREY.astype(np.uint16), "one kind"),
    "channels": (GREY, np.zeros((8, 10, 3), np.uint8), "one kind"),
}


@pytest.mark.parametrize(("first", "second", "message"), UNLIKE.values(), ids=UNLIKE)
def test_pages_that_are_not_alike_have_no_projection(
    first: np.ndarray, second: np.ndarray, message: str
) -> None:
    data = tiff_of_pages(first, second)

    with pytest.raises(PagesDiffer, match=message):
        decode(data, projection="max")
    assert decode(data, page=1).shape[:2] == second.shape[:2]


def test_pictures_of_a_phone_that_differ_in_size_have_no_projection() -> None:
    data = animation("MPO", Image.new("RGB", (32, 24)), Image.new("RGB", (16, 16)))

    with pytest.raises(PagesDiffer, match="page 0 has 32 x 24 pixels and page 1 has 16 x 16"):
        decode(data, projection="mean")


def test_thumbnails_are_not_projected() -> None:
    file = io.BytesIO()
    options: dict[str, Any] = {"photometric": "minisblack", "metadata": None}
    with tifffile.TiffWriter(file) as writer:
        for grey in (50, 90):
            writer.write(np.full((16, 16), grey, np.uint8), **options)
            writer.write(np.full((4, 4), 255, np.uint8), subfiletype=1, **options)

    assert (decode(file.getvalue(), projection="mean") == 70).all()


@pytest.mark.parametrize("file_format", ["TIFF", "GIF", "WEBP", "PNG", "AVIF", "HEIC"])
def test_all_pages_together_are_within_the_limits(file_format: str) -> None:
    frames = [Image.new("RGB", (100, 100), (6 * shade, 9, 9)) for shade in range(20)]
    data = animation(file_format, *frames)

    decode(data, Limits(max_pixels=70_000), projection="mean")
    with pytest.raises(PictureTooLarge, match="pixels in all its tiles, pages or frames"):
        decode(data, Limits(max_pixels=60_000), projection="mean")
    with pytest.raises(TooManyFrames, match="more than 19 pages"):
        decode(data, Limits(max_frames=19), projection="mean")


def test_a_stack_whose_first_slice_is_empty_is_seen_in_its_projection(shared: Path) -> None:
    data = (shared / "cases" / "imagej_zstack_first_slice_empty.tif").read_bytes()
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        slices = file.asarray()

    decoded = decode_reduced(data, whole)
    projected = decode_reduced(data, whole, projection="max")

    assert (decoded.origin.pages, decoded.origin.page) == (3, 0)
    assert (projected.image == shown(slices.max(axis=0))).all()


def named_stack(order: str, **options: Any) -> tuple[bytes, np.ndarray]:
    """A file of two channels of three slices, and its values as channels of slices."""
    values = np.random.default_rng(2).integers(0, 900, (2, 3, SIZE[1], SIZE[0])).astype(np.uint16)
    file = io.BytesIO()
    pages = values if order == "CZYX" else values.swapaxes(0, 1)
    tifffile.imwrite(file, pages, photometric="minisblack", metadata={"axes": order}, **options)
    return file.getvalue(), values


STACKS = {
    "OME, slices first": named_stack("CZYX", ome=True),
    "OME, channels first": named_stack("ZCYX", ome=True),
    "ImageJ": named_stack("ZCYX", imagej=True),
}


@pytest.mark.parametrize("name", STACKS)
def test_a_projection_of_one_channel_leaves_out_the_pages_of_others(name: str) -> None:
    data, values = STACKS[name]
    for channel in (0, 1):
        found = decode_reduced(data, whole, channel=channel, projection="max", keeps_values=True)
        assert found.values is not None
        assert np.array_equal(found.values[:, :, 0], values[channel].max(0))
        assert (found.origin.pages, found.origin.channels) == (6, 2)
    both = decode_reduced(data, whole, projection="max", keeps_values=True)
    assert both.values is not None
    assert np.array_equal(both.values[:, :, 0], values.max((0, 1)))
    assert both.origin.channels == 2  # which can be chosen from
    with pytest.raises(NoSuchChannel, match="there is no channel 2; the picture has 2 channels"):
        decode(data, channel=2, projection="max")
    with pytest.raises(NoSuchChannel, match="there is no channel 1; the picture has 1 channel"):
        decode(data, channel=1)
