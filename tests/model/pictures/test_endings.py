"""Files whose last bytes are missing: shown where no pixel is, and broken where one is."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from model.pictures import BrokenPicture, PictureError, decode, decode_reduced, whole
from model.pictures.isolation.decoders import Decoders
from model.pictures.limits import DEFAULT_LIMITS

PIXELS = np.kron(
    np.random.default_rng(0).integers(0, 255, (12, 17, 3), np.uint8), np.ones((8, 8, 1), np.uint8)
)
PIXELS = PIXELS[:90, :131]
IMAGE = Image.fromarray(PIXELS)


def saved(file_format: str, image: Image.Image = IMAGE, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()


def with_restarts() -> bytes:
    return bytes(cv2.imencode(".jpg", PIXELS, [cv2.IMWRITE_JPEG_RST_INTERVAL, 2])[1])


def riff(data: bytes, difference: int) -> bytes:
    """A WebP that says another length."""
    (length,) = struct.unpack_from("<I", data, 4)
    return data[:4] + struct.pack("<I", max(0, length + difference)) + data[8:]


WEBP = saved("WEBP", quality=80)
WITH_EXIF = saved("WEBP", exif=b"Exif\0\0II*\0" + struct.pack("<I", 8) + bytes(40))
DEEP_PNG = bytes(cv2.imencode(".png", PIXELS.astype(np.uint16) * 200)[1])

CUT: dict[str, tuple[bytes, Callable[[bytes], bytes]]] = {
    "jpeg": (saved("JPEG"), lambda data: data[:-2]),
    "jpeg, half of its end": (saved("JPEG"), lambda data: data[:-1]),
    "jpeg, grey": (saved("JPEG", IMAGE.convert("L")), lambda data: data[:-2]),
    "jpeg, CMYK": (saved("JPEG", IMAGE.convert("CMYK")), lambda data: data[:-2]),
    "jpeg, progressive": (saved("JPEG", progressive=True), lambda data: data[:-2]),
    "jpeg, subsampled": (saved("JPEG", subsampling=2, quality=60), lambda data: data[:-2]),
    "jpeg, restarts": (with_restarts(), lambda data: data[:-2]),
    "png": (saved("PNG"), lambda data: data[:-12]),
    "png, half of its end": (saved("PNG"), lambda data: data[:-5]),
    "png, checksum": (saved("PNG"), lambda data: data[:-14]),
    "png, palette": (saved("PNG", IMAGE.quantize(16)), lambda data: data[:-12]),
    "png, 16 bits": (DEEP_PNG, lambda data: data[:-12]),
    "png, 16 bits, checksum": (DEEP_PNG, lambda data: data[:-14]),
    "gif": (saved("GIF", IMAGE.quantize(64)), lambda data: data[:-1]),
    "webp, a shorter length": (WEBP, lambda data: riff(data, -20)),
    "webp, no length": (WEBP, lambda data: riff(data, -(1 << 32))),
    "webp, a longer length": (WEBP, lambda data: riff(data, 1000)),
    "webp, lossless": (saved("WEBP", lossless=True), lambda data: riff(data, 2)),
    "webp, in its metadata": (WITH_EXIF, lambda data: data[:-9]),
}


@pytest.mark.parametrize("name", CUT)
def test_a_file_without_its_end_shows_the_same_and_says_so(name: str) -> None:
    sound, cut = CUT[name]
    expected = decode_reduced(sound, whole)
    decoded = decode_reduced(cut(sound), whole)
    assert (expected.is_cut, decoded.is_cut) == (False, True)
    np.testing.assert_array_equal(decoded.image, expected.image)


@pytest.mark.parametrize(
    ("name", "missing"),
    [
        ("jpeg", 4),
        ("jpeg", 500),
        ("jpeg, progressive", 12),
        ("jpeg, progressive", 500),
        ("jpeg, restarts", 40),
        ("png", 60),
        ("png, 16 bits", 60),
        ("gif", 60),
        ("webp, no length", 20),
    ],
)
def test_a_file_without_its_last_pixels_is_broken(name: str, missing: int) -> None:
    with pytest.raises(BrokenPicture):
        decode(CUT[name][0][:-missing])


def test_a_progressive_jpeg_without_its_last_scans_is_broken() -> None:
    data = saved("JPEG", progressive=True)
    for place in [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xda"][1:]:
        with pytest.raises(BrokenPicture, match="truncated"):
            decode(data[:place])


@pytest.mark.parametrize("name", ["jpeg", "png", "gif", "webp, lossless"])
def test_what_lies_behind_the_end_is_not_looked_at(name: str) -> None:
    sound = CUT[name][0]
    decoded = decode_reduced(sound + b"and so on" * 9, whole)
    assert not decoded.is_cut
    np.testing.assert_array_equal(decoded.image, decode(sound))


@pytest.mark.parametrize("missing", [1, 2, 3])
def test_a_bmp_may_lack_what_fills_its_last_row(missing: int) -> None:
    data = saved("BMP")
    np.testing.assert_array_equal(decode(data[:-missing]), decode(data))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_a_tiff_may_count_more_bytes_than_its_pixels_take(compression: str | None) -> None:
    data = bytearray(saved("TIFF", compression=compression))
    directory = int.from_bytes(data[4:8], "little")
    entry = data.index(struct.pack("<HH", 279, 4), directory) + 8
    count = int.from_bytes(data[entry : entry + 4], "little")
    data[entry : entry + 4] = (count + 100_000).to_bytes(4, "little")
    np.testing.assert_array_equal(decode(bytes(data)), PIXELS)


def test_another_process_says_that_a_file_has_no_end() -> None:
    decoders = Decoders()
    data = saved("JPEG")
    try:
        assert not decoders.decode(data, whole, DEFAULT_LIMITS).is_cut
        assert decoders.decode(data[:-2], lambda size: (13, 9), DEFAULT_LIMITS).is_cut
        with pytest.raises(PictureError, match="pixels are missing"):
            decoders.decode(data[: len(data) // 2], whole, DEFAULT_LIMITS)
    finally:
        decoders.close()


def test_the_jpeg_that_a_user_sent_is_shown(shared: Path) -> None:
    decoded = decode_reduced((shared / "cases" / "jpeg_without_eoi.jpg").read_bytes(), whole)
    assert decoded.is_cut
    assert np.ptp(decoded.image) > 100
