"""What becomes of the bytes that people upload."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from model.pictures import (
    BrokenPicture,
    Limits,
    NotAPicture,
    PictureError,
    PictureTooLarge,
    decode,
    read,
    read_size,
)

# Pillow warns of corrupt metadata before it raises or goes on.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def file_of(image: Image.Image, file_format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def gradient(width: int = 64, height: int = 48) -> Image.Image:
    """A picture whose every corner differs, smooth enough for JPEG to keep."""
    rows, columns = np.mgrid[0:height, 0:width]
    channels = [columns * 255 // width, rows * 255 // height, 128 + 0 * rows]
    return Image.fromarray(np.stack(channels, axis=2).astype(np.uint8))


ACCEPTED = [
    ("JPEG", {"quality": 95}),
    ("JPEG", {"quality": 95, "progressive": True}),
    ("PNG", {}),
    ("WEBP", {"lossless": True}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_deflate"}),
    ("BMP", {}),
    ("GIF", {}),
]


@pytest.mark.parametrize(("file_format", "options"), ACCEPTED)
def test_every_accepted_format_gives_the_picture_that_was_saved(file_format: str, options: dict) -> None:
    decoded = decode(file_of(gradient(), file_format, **options))

    assert decoded.dtype == np.uint8
    assert decoded.shape == (48, 64, 3)
    tolerance = {"JPEG": 12, "GIF": 40}.get(file_format, 0)  # GIF has 256 colours
    difference = np.abs(decoded.astype(int) - np.asarray(gradient()))
    assert difference.max() <= tolerance


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, WHITE),
        ("L", 77, (77, 77, 77)),
        ("LA", (0, 0), WHITE),  # transparent black
        ("LA", (77, 255), (77, 77, 77)),
        ("RGB", (1, 2, 3), (1, 2, 3)),
        ("RGBA", (255, 0, 0, 0), WHITE),  # transparent red
        ("RGBA", (255, 0, 0, 255), RED),
        ("RGBA", (0, 0, 0, 51), (204, 204, 204)),  # a fifth of black over white
        ("CMYK", (0, 0, 0, 0), WHITE),
        ("CMYK", (0, 255, 255, 0), RED),
        ("I;16", 5000, (0, 0, 0)),  # constant: there is no range to stretch
        ("I", -7, (0, 0, 0)),
        ("F", 0.25, (0, 0, 0)),
    ],
)
def test_every_mode_becomes_rgb(mode: str, colour: Any, expected: tuple[int, int, int]) -> None:
    decoded = decode(file_of(Image.new(mode, (5, 4), colour), "TIFF"))

    assert decoded.shape == (4, 5, 3)
    assert (decoded == expected).all()


def test_a_palette_with_a_transparent_colour_shows_white_there() -> None:
    image = Image.new("P", (4, 4), 0)
    image.putpalette([*RED, *BLUE])
    image.putpixel((3, 3), 1)

    for file_format in ("PNG", "GIF"):
        decoded = decode(file_of(image, file_format, transparency=0))
        assert decoded[0, 0].tolist() == [*WHITE]
        assert decoded[3, 3].tolist() == [*BLUE]


@pytest.mark.parametrize(
    ("grey", "expected"),
    [
        (np.array([[100, 300, 500]], np.uint16), [0, 128, 255]),  # a microscope's narrow range
        (np.array([[0, 32768, 65535]], np.uint16), [0, 128, 255]),  # the whole range
        (np.array([[-10, 0, 10]], np.int32), [0, 128, 255]),
        (np.array([[20_000_000, 20_000_001, 20_000_002]], np.int32), [0, 128, 255]),  # one, in float32
        (np.array([[0.0, 0.5, 1.0]], np.float32), [0, 128, 255]),
        (np.array([[-3e38, 0.0, 3e38]], np.float32), [0, 128, 255]),  # the range overflows float32
        (np.array([[np.nan, 1.0, 2.0]], np.float32), [0, 0, 255]),
        (np.array([[-np.inf, 1.0, np.inf, 2.0]], np.float32), [0, 0, 255, 255]),
        (np.array([[np.nan, np.nan]], np.float32), [0, 0]),
    ],
)
def test_grey_of_more_than_8_bits_is_stretched_over_its_own_range(
    grey: np.ndarray, expected: list[int]
) -> None:
    decoded = decode(file_of(Image.fromarray(grey), "TIFF"))

    assert decoded[0, :, 0].tolist() == expected
    assert (decoded == decoded[:, :, :1]).all()


def test_a_16_bit_png_is_stretched_too() -> None:
    grey = np.array([[1000, 1001], [1002, 1002]], np.uint16)

    assert decode(file_of(Image.fromarray(grey), "PNG"))[:, :, 1].tolist() == [[0, 128], [255, 255]]


# What stands in the first pixel of a 2 x 3 picture after each of the EXIF orientations, and its size then.
ORIENTATIONS = [(1, 0, 0), (2, 0, 1), (3, 2, 1), (4, 2, 0), (5, 0, 0), (6, 2, 0), (7, 2, 1), (8, 0, 1)]


@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(("orientation", "row", "column"), ORIENTATIONS)
def test_exif_orientation_turns_the_picture_upright(
    file_format: str, orientation: int, row: int, column: int
) -> None:
    stored = np.arange(0, 6 * 40, 40, dtype=np.uint8).reshape(3, 2)
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if file_format == "WEBP" else {}
    image = Image.fromarray(stored).convert("RGB")

    decoded = decode(file_of(image, file_format, exif=exif, **options))

    assert decoded.shape[:2] == ((3, 2) if orientation < 5 else (2, 3))
    assert decoded[0, 0, 0] == stored[row, column]


def test_a_turned_jpeg_is_upright() -> None:
    exif = Image.Exif()
    exif[274] = 6

    decoded = decode(file_of(gradient(), "JPEG", exif=exif, quality=95))

    assert decoded.shape == (64, 48, 3)
    assert decoded[0, -1, 0] < 20  # the stored picture's top left is now at the top right


def test_broken_exif_does_not_cost_the_picture() -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\xff" * 40

    assert decode(file_of(gradient(), "JPEG", exif=exif)).shape == (48, 64, 3)


def test_of_several_frames_or_pages_the_first_is_taken() -> None:
    first, second = Image.new("RGB", (3, 3), RED), Image.new("RGB", (3, 3), BLUE)

    for file_format in ("GIF", "TIFF", "WEBP", "PNG", "MPO"):
        options = {"lossless": True} if file_format == "WEBP" else {}
        decoded = decode(file_of(first, file_format, save_all=True, append_images=[second], **options))
        # MPO, the phones' multi-picture JPEG, is lossy
        assert np.abs(decoded.astype(int) - RED).max() <= 3, file_format


def test_a_colour_profile_is_converted_to_srgb() -> None:
    # sRGB with the red and the blue primary swapped.
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    swapped = bytes(profile).replace(b"rXYZ", b"tmp_").replace(b"bXYZ", b"rXYZ").replace(b"tmp_", b"bXYZ")
    swapped = swapped.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))

    decoded = decode(file_of(Image.new("RGB", (4, 4), RED), "PNG", icc_profile=swapped))

    assert np.abs(decoded.astype(int) - BLUE).max() <= 8


@pytest.mark.parametrize(
    "profile",
    [
        b"no profile at all",
        ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes(),  # not for RGB pixels
    ],
)
def test_a_profile_that_does_not_work_is_left_out(profile: bytes) -> None:
    decoded = decode(file_of(Image.new("RGB", (4, 4), (10, 20, 30)), "PNG", icc_profile=profile))

    assert (decoded == (10, 20, 30)).all()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"hello, this is text",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.7\n",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",  # Pillow would start Ghostscript
        b"RIFF\x24\0\0\0WAVEfmt ",  # RIFF, but sound
        file_of(Image.new("RGB", (4, 4)), "PPM"),  # a format of Pillow's that is not accepted
        file_of(Image.new("RGB", (16, 16)), "ICO"),
    ],
)
def test_what_is_not_an_accepted_picture_is_told_which_are(data: bytes) -> None:
    with pytest.raises(NotAPicture, match="JPEG, PNG, WebP, AVIF, HEIC, TIFF, BMP or GIF"):
        decode(data)


@pytest.mark.parametrize(("file_format", "options"), ACCEPTED)
@pytest.mark.parametrize("kept", [0.02, 0.3, 0.7])
def test_a_truncated_picture_is_broken(file_format: str, options: dict, kept: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    whole = file_of(noise, file_format, **options)

    with pytest.raises(BrokenPicture, match="truncated or corrupt"):
        decode(whole[: max(12, int(len(whole) * kept))])


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_corrupt_bytes_give_a_picture_or_a_picture_error_and_nothing_else(file_format: str) -> None:
    whole = np.frombuffer(file_of(gradient(), file_format), np.uint8)
    rng = np.random.default_rng(1)
    for _ in range(150):
        corrupt = whole.copy()
        corrupt[rng.integers(0, min(len(whole), 400), 6)] = rng.integers(0, 256, 6)
        try:
            decoded = decode(corrupt.tobytes(), Limits(max_pixels=1_000_000))
        except PictureError:
            continue
        assert decoded.dtype == np.uint8
        assert decoded.ndim == 3


def test_the_pixel_limit_is_inclusive() -> None:
    data = file_of(Image.new("RGB", (10, 10)), "PNG")

    assert decode(data, Limits(max_pixels=100)).shape == (10, 10, 3)
    with pytest.raises(PictureTooLarge, match=r"100 pixels \(10 x 10\); at most 99 are accepted"):
        decode(data, Limits(max_pixels=99))


def test_a_bomb_is_refused_by_its_header() -> None:
    # 100,000 x 100,000 in 45 bytes: far over the size at which Pillow itself raises.
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    bomb = bytearray(file_of(Image.new("RGB", (1, 1)), "PNG"))
    bomb[16:29] = header
    bomb[29:33] = struct.pack(">I", zlib.crc32(b"IHDR" + header))

    with pytest.raises(PictureTooLarge, match="10,000,000,000 pixels"):
        decode(bytes(bomb))


def test_a_tiff_of_one_small_picture_in_one_huge_tile_is_refused() -> None:
    # width, height, bits, compression (deflate), photometric, samples, tile width and length, offset, size
    tags = [(256, 16), (257, 16), (258, 8), (259, 8), (262, 1), (277, 1), (322, 28_000), (323, 28_000)]
    tags += [(324, 8), (325, 4)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    data = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)

    with pytest.raises(PictureTooLarge, match="784,000,000 pixels"):
        decode(data)


def test_read_takes_the_format_from_the_bytes_and_not_from_the_name(tmp_path) -> None:
    path = tmp_path / "secret-name.txt"
    path.write_bytes(file_of(gradient(), "PNG"))
    assert (read(path) == np.asarray(gradient())).all()

    path.write_bytes(b"text")
    with pytest.raises(NotAPicture) as raised:
        read(path)
    assert "secret-name" not in str(raised.value)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", [None, 1, 3, 5, 6, 7, 8])
def test_the_size_is_known_from_the_header(file_format: str, orientation: int | None, tmp_path) -> None:
    exif = Image.Exif()
    if orientation is not None:
        exif[274] = orientation
    path = tmp_path / "picture"
    path.write_bytes(file_of(gradient(), file_format, exif=exif))

    assert read_size(path) == read(path).shape[1::-1]


def test_the_size_of_what_is_no_picture_or_too_large_is_refused(tmp_path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(b"no picture")
    with pytest.raises(NotAPicture):
        read_size(path)
    path.write_bytes(file_of(gradient(), "PNG")[:20])
    with pytest.raises(BrokenPicture):
        read_size(path)
    path.write_bytes(file_of(gradient(), "PNG"))
    with pytest.raises(PictureTooLarge):
        read_size(path, Limits(max_pixels=100))
