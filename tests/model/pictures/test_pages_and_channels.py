"""One page of many, one frame of an animation, one channel of several."""

from __future__ import annotations

import io
import struct
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from model.pictures import (
    Limits,
    NoSuchChannel,
    NoSuchPage,
    PictureTooLarge,
    TooManyFrames,
    decode,
    decode_reduced,
    whole,
)
from model.pictures.limits import check_frames
from tests.mutants import heic_of

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]


def pages_of(file_format: str, size: tuple[int, int] = (32, 24), **options: Any) -> bytes:
    """A red, a green and a blue page or frame."""
    first, *others = (Image.new("RGB", size, colour) for colour in COLOURS)
    if file_format == "HEIC":
        return heic_of(first, *others, **options)
    file = io.BytesIO()
    first.save(file, file_format, save_all=True, append_images=others, **options)
    return file.getvalue()


MANY = [
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("TIFF", {"big_tiff": True}),
    ("GIF", {}),
    ("GIF", {"disposal": 2}),
    ("WEBP", {"lossless": True}),
    ("PNG", {}),
    ("PNG", {"default_image": True}),
    ("AVIF", {}),
    ("HEIC", {}),
    ("MPO", {}),
]


@pytest.mark.parametrize(("file_format", "options"), MANY)
def test_each_page_or_frame_is_found_by_its_number(file_format: str, options: dict) -> None:
    data = pages_of(file_format, **options)

    assert (decode(data) == decode(data, page=0)).all()
    for page, colour in enumerate(COLOURS):
        decoded = decode_reduced(data, lambda size: size, page=page)
        assert decoded.size == (32, 24)
        assert np.abs(decoded.image.astype(int) - colour).max() <= 6, page
    for page in (3, 99, -1):
        with pytest.raises(NoSuchPage, match=rf"no page {page}; the file has 3 pages: ask for 0 to 2"):
            decode(data, page=page)


@pytest.mark.parametrize(
    ("file_format", "counted"),
    [
        *((each, (1, 3)) for each in ("GIF", "PNG", "WEBP", "AVIF")),  # drawn over all frames before it
        *((each, (1, 1)) for each in ("TIFF", "HEIC", "MPO")),
    ],
)
def test_a_page_tells_how_many_are_decoded_for_it(file_format: str, counted: tuple[int, int]) -> None:
    told: list[int] = []

    def note(size: tuple[int, int], needed: int, pages: int) -> None:
        told.append(pages)

    for page in (0, 2):
        decode_reduced(pages_of(file_format), whole, page=page, before_pixels=note)
    assert tuple(told) == counted


@pytest.mark.parametrize("file_format", ["JPEG", "BMP", "PNG", "TIFF", "GIF", "WEBP", "AVIF"])
def test_a_file_of_one_picture_has_page_0(file_format: str) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, file_format)

    assert decode(file.getvalue(), page=0).shape == (8, 8, 3)
    with pytest.raises(NoSuchPage, match="no page 1; the file has 1 page: ask for page 0"):
        decode(file.getvalue(), page=1)


def test_the_primary_picture_of_a_heic_is_its_first() -> None:
    data = pages_of("HEIC", primary_index=1)

    seen = [int(decode(data, page=page)[0, 0].argmax()) for page in range(3)]

    assert seen == [1, 0, 2]


@pytest.mark.parametrize(("file_format", "options"), MANY)
def test_more_pages_than_the_limit_are_refused_whichever_is_wanted(file_format: str, options: dict) -> None:
    data = pages_of(file_format, **options)

    assert decode(data, Limits(max_frames=3)).shape == (24, 32, 3)
    for page in (0, 1, 7):
        with pytest.raises(TooManyFrames, match="more than 2 pages or frames"):
            decode(data, Limits(max_frames=2), page=page)


def test_pages_of_a_tiff_have_sizes_depths_and_orientations_of_their_own() -> None:
    file = io.BytesIO()
    turned = Image.Exif()
    turned[274] = 6
    pages = [
        Image.new("1", (5, 4), 1),
        Image.fromarray(np.full((6, 7), 9, np.uint16)),
        Image.new("RGB", (8, 9)),
    ]
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:], exif=turned)

    assert [decode(file.getvalue(), page=page).shape[:2] for page in range(3)] == [(5, 4), (7, 6), (8, 9)]


def test_a_page_counts_against_the_pixel_limit_by_itself() -> None:
    file = io.BytesIO()
    Image.new("L", (10, 10)).save(file, "TIFF", save_all=True, append_images=[Image.new("L", (20, 20))])

    assert decode(file.getvalue(), Limits(max_pixels=100)).shape == (10, 10, 3)
    with pytest.raises(PictureTooLarge, match=r"20 x 20"):
        decode(file.getvalue(), Limits(max_pixels=100), page=1)


def test_a_tiff_whose_directories_go_in_circles_has_the_pages_before() -> None:
    file = io.BytesIO()
    Image.new("L", (4, 4), 50).save(file, "TIFF")
    data = bytearray(file.getvalue())
    directory = int.from_bytes(data[4:8], "little")
    end = directory + 2 + 12 * int.from_bytes(data[directory : directory + 2], "little")
    data[end : end + 4] = data[4:8]

    assert decode(bytes(data))[0, 0].tolist() == [50] * 3
    with pytest.raises(NoSuchPage, match="1 page"):
        decode(bytes(data), page=1)


def test_counting_stops_at_the_limit() -> None:
    """100,000 frames, and as many directories; each format is counted in well under a second."""
    first = pages_of("GIF", (2, 2))
    start = first.index(b"\x2c")
    frame = first[start:-1]
    gif = first[:start] + frame * 100_000 + b"\x3b"
    directory = struct.Struct("<HI")
    tiff = b"II*\0" + struct.pack("<I", 8)
    tiff += b"".join(directory.pack(0, 8 + directory.size * (n + 1)) for n in range(100_000))

    for data in (gif, tiff):
        started = time.process_time()
        with pytest.raises(TooManyFrames, match="more than 1,000 pages"):
            decode(data)
        assert time.process_time() - started < 1


@pytest.mark.parametrize("file_format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_a_late_frame_of_a_large_animation_is_too_much_work(file_format: str) -> None:
    file = io.BytesIO()
    frames = [Image.new("L", (100, 100), 6 * shade) for shade in range(40)]
    frames[0].save(file, file_format, save_all=True, append_images=frames[1:])

    decode(file.getvalue(), Limits(max_pixels=40_000), page=11)
    with pytest.raises(PictureTooLarge, match="consists of 130,000 pixels"):
        decode(file.getvalue(), Limits(max_pixels=40_000), page=12)


def encoded(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    ("mode", "colour", "file_format", "channels"),
    [
        ("1", 1, "PNG", [255]),
        ("L", 77, "PNG", [77]),
        ("LA", (100, 51), "PNG", [224, 51]),  # a fifth of it, over white; opacity as stored
        ("RGB", (1, 2, 3), "PNG", [1, 2, 3]),
        ("RGB", (1, 2, 3), "BMP", [1, 2, 3]),
        ("RGBA", (0, 0, 255, 51), "PNG", [204, 204, 255, 51]),
        ("CMYK", (10, 20, 30, 40), "TIFF", [10, 20, 30, 40]),
        ("P", (1, 2, 3), "PNG", [1, 2, 3]),
    ],
)
def test_each_channel_is_given_as_grey(mode: str, colour: Any, file_format: str, channels: list[int]) -> None:
    image = Image.new("RGB", (3, 2), colour).quantize(2) if mode == "P" else Image.new(mode, (3, 2), colour)
    data = encoded(image, file_format)

    for channel, value in enumerate(channels):
        assert (decode(data, channel=channel) == value).all(), channel
    for channel in (len(channels), -1):
        with pytest.raises(NoSuchChannel, match=rf"no channel {channel}; the picture has {len(channels)} "):
            decode(data, channel=channel)


def test_a_channel_of_a_page_of_a_turned_picture() -> None:
    file = io.BytesIO()
    turned = Image.Exif()
    turned[274] = 6
    green = Image.new("RGB", (4, 2), (0, 90, 0))
    Image.new("RGB", (4, 2)).save(file, "TIFF", save_all=True, append_images=[green], exif=turned)

    decoded = decode(file.getvalue(), page=1, channel=1)

    assert decoded.shape == (4, 2, 3)
    assert (decoded == 90).all()


def test_the_frames_of_a_file_are_counted_in_words() -> None:
    check_frames(1, 0, Limits(max_frames=1))
    with pytest.raises(TooManyFrames, match="more than 1 pages or frames, the maximum, because they are"):
        check_frames(2, 0, Limits(max_frames=1))
